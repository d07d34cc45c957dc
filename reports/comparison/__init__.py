"""Comparisons of several runs, as tables.

May import ``tables``, ``run_folder`` and ``objectives``.

- ``runs``: what they reached on one scale, and what they were set to differently.
- ``attainment``: what repetitions with other seeds attain.
- ``comparison``: rankings and pairwise tests.
"""
