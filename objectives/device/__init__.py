"""What exported C takes on a microcontroller: instructions and bytes of flash, by its core.

- ``cores``: processors, and what was fitted to measurements on them (``fitted.json``).
- ``storage``: which tensors there are; ``scratch``: memory beside them; ``readers``: codes between layers.
- ``convs``: what convolutions read; ``kernels``: what computes them; ``work``: in which units.
- ``numbers``: conditions and choices, of one network and of many.
- ``instructions``, ``flash``: the two measures; ``table``: as objectives.
"""
