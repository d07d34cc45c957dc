"""Data sets of files in folders, one for each class, and what opens the files.

May import ``datasets.arrays``, ``datasets.axes``, ``config`` and the small root files.

- ``walking``: files, classes and groups of such folders, of whatever kind.
- ``image_folder``: pictures; ``pictures`` decodes them.
- ``wav_folder``: recordings; ``recordings`` decodes them; ``log_mel``: energies of their frequencies.
- ``damage``: files that cannot be decoded.
"""
