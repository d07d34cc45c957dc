"""How a network's active architecture is run on a CPU: the same numbers as operation by operation, in fewer passes.

What an architecture is stays in ``architecture``; what a layer computes is defined by ``evonas.nets.layer``. Here
nothing is defined anew, and every result equals that of the definition up to rounding.

- ``simplify``: the graph without what changes nothing or is there twice.
- ``parts``: what the layers of a step need of their parameters, made and derived in one go.
- ``codes``: activation codes of a normalised tensor.
- ``operations``: pools, sums, concatenations and the like, run one at a time.
- ``memory``: kept between steps.
- ``pools``: the average over 3x3 pixels of narrow tensors.
- ``plan``: both together, for the architecture that is active.
"""
