"""The forms that data sets come in, one file each; ``readers.READERS`` lists them.

May import ``datasets.arrays``, ``config`` and the small root files.

- ``digits``, ``npz``, ``idx``, ``cifar``: arrays.
- ``image_folder``, ``hugging_face``: pictures; ``pictures`` decodes them.
- ``given``: what a Python program holds.
"""
