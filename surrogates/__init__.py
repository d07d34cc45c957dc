"""Everything that predicts a network's accuracy cheaply. Takes plain data and small protocols, never an evonas type.

- ``one_shot``: weight sharing; ``predictors``: learned from what was evaluated.
- ``correction``: what a few trainings teach about cheap estimates; ``rank_quality``: whether ranks are right.
"""
