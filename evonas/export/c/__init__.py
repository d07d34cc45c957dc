"""C files.

- ``source``: a whole file; ``image_codes``, ``layers``, ``network``, ``thresholds``: its parts.
- ``memory_plan``: where tensors lie.
- ``run``: compile and run one; ``runtime``: the C functions.
"""
