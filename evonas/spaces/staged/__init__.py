"""Networks of blocks in stages, whose widths, kernels, precisions and modules are searched.

May import ``architecture`` and the files of ``spaces`` that define no network space.

- ``settings``: the run file's sections.
- ``slots``: the graph, every attribute fixed or decided by a gene.
- ``staged_space``: decode, encode, corners and counts, read off the slots.
- ``layer_arrays``: layers of many networks at once, for the cost models.
- ``residual``: networks like ResNet-20; ``inverted_residual``: MobileNetV2's blocks; ``dense``: fully connected layers.
"""
