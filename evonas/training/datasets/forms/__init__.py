"""The forms that data sets come in, one file each; ``readers.READERS`` lists them.

May import ``datasets.arrays``, ``datasets.axes``, ``config`` and the small root files.

- ``digits``, ``idx``, ``cifar``: arrays.
- ``npz``, ``npy``: arrays by name; ``named_arrays`` finds them.
- ``tables``: rows of numbers and a column of labels; ``table_files`` reads the files.
- ``membership``: which part of the split, and which group, an example belongs to.
- ``folders``: pictures and recordings in folders of classes.
- ``hugging_face``: pictures of the hub.
- ``given``: what a Python program holds.
"""
