"""C files.

- ``source``: a whole file; ``interface``, ``image_codes``, ``layers``, ``network``, ``thresholds``: its parts.
- ``numbers``: what is no weight, as it is stored, and where whole numbers take the place of floats.
- ``kernels``: which of the runtime's convolutions runs a layer, and weights in its order.
- ``features``: what of the runtime a network needs; ``memory``: where tensors lie; ``units``: what their numbers
  stand for.
- ``options``: what a user chooses of it; ``library``: folders and zips with headers, a self-test and an example.
- ``run``: compile and run one here; ``targets``: on simulated microcontrollers; ``runtime``: the C functions.
"""
