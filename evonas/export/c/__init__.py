"""C files.

- ``source``: a whole file; ``interface``, ``image_codes``, ``layers``, ``network``, ``thresholds``: its parts.
- ``options``: what a user chooses of it; ``library``: folders and zips with headers, a self-test and an example.
- ``memory_plan``: where tensors lie.
- ``run``: compile and run one here; ``targets``: on simulated microcontrollers; ``runtime``: the C functions.
"""
