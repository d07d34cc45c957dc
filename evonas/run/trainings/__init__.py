"""Whole trainings within a search: what estimates rest on, and what the search delivers.

May import ``evaluation``, ``training``, ``run.problems`` and what lies below.

- ``trainer``: trains networks by the whole recipe, keeps scores and weights; ``scoring``: cheaper scores.
- ``knowledge``: all that a run knows of its networks, and what follows for their errors.
- ``anchors``: the trainings before a search; ``last_part``: those after it.
"""
