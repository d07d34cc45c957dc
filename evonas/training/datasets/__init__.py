"""Data sets: reading, checking, splitting, batching.

May import ``config`` and the small root files.

- ``dataset``: train, held-out and test split of whatever the run file names.
- ``splitting``: what is set aside; ``grouping``: whole groups of examples.
- ``image_batches``: endless augmented batches; ``balance``: what is done about classes of unequal size.
- ``readers``: the table of forms; ``forms``: one per file; ``arrays``: what all of them are checked for; ``axes``: how
  axes lie; ``sizes``: images brought to one size; ``standardizing``: numbers written in 8 bits; ``classes``: labels,
  and the names behind them.
"""
