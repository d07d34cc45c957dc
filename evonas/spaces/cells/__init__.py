"""Networks of cells: a normal and a reduction cell, searched edge by edge and stacked.

May import ``architecture`` and the files of ``spaces`` that define no network space.

- ``settings``: the run file's section, and the operations of edges.
- ``layout``: widths, groups and names that follow from the settings.
- ``liveness``: which edges carry an image, for many genomes at once.
- ``canonical``: the canonical form of many genomes at once.
- ``decode``: the graph of operations of a canonical genome.
- ``layer_arrays``: layers of many networks at once, for the cost models.
- ``cell_space``: the space.
- ``partial_channels``: what a supernet may train in the place of a network.
- ``collapse``: whether a search collapsed onto pools and skips.
"""
