"""Work with runs: the Python API, train, trust, export, batch, compare.

May import ``run``, ``export`` and what lies below, and ``reports``.

- ``api``: the functions of ``import evonas``; ``run_handle``: a run in Python.
- ``picks``: which networks of a run a user means.
- ``train_picks``, ``trained``: networks trained in full, and loaded again; ``export_picks``: written to files.
- ``trust``: how far estimates can be trusted.
- ``batch``, ``batch_plan``: a grid of runs; ``compare``: runs compared.
- ``selfcheck``: the engine on a small table whose front is known.
"""
