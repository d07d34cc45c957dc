"""C files.

- ``source``: a whole file; ``interface``, ``image_codes``, ``layers``, ``network``, ``thresholds``: its parts.
- ``options``: what a user chooses of it.
- ``memory_plan``: where tensors lie; ``kernels``: how convolutions are computed.
- ``run``: compile and run one; ``runtime``: the C functions.
"""
