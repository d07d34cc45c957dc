"""Data sets: reading, checking, splitting, batching.

May import ``config`` and the small root files.

- ``dataset``: train, held-out and test split of whatever the run file names.
- ``image_batches``: endless augmented batches; ``balance``: what is done about classes of unequal size.
- ``readers``: the table of forms; ``forms``: one per file; ``arrays``: what all of them are checked for; ``sizes``:
  images brought to one size; ``classes``: labels, and the names behind them.
"""
