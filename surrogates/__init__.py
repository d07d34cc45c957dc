"""Everything that predicts a network's accuracy cheaply. Takes plain data and small protocols, never an evonas type.

- ``one_shot``: weight sharing; ``predictors``: learned from what was evaluated.
- ``threads``: BLAS on one thread, around fits.
- ``ladder``: what cheap scores say of the error after a whole training; ``rank_quality``: whether ranks are right.
"""
