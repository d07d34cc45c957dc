"""Questions about a run, answered as plain tables, one question per file. May import ``run_folder`` and ``objectives``.

- ``front``: which networks are best; ``pick``: those that a user means; ``query``: conditions as people write them.
- ``search``, ``convergence``: how a search went; ``genes``, ``sensitivity``: what choices do.
- ``network``: one network; ``trainings``: what networks reach on the test set; ``estimates``: how good estimates are.
- ``snapshot``: what several reports need, computed once.
"""
