"""Data sets: reading, checking, splitting, batching.

May import ``config`` and the small root files.

- ``dataset``: train, held-out and test split of whatever the run file names.
- ``image_batches``: endless augmented batches.
- ``readers``: the table of forms; ``arrays``: what all of them are checked for.
- ``digits``, ``npz``, ``idx``, ``cifar``, ``image_folder`` with ``pictures``, ``hugging_face``: one form per file.
"""
