"""Many networks compared: which are dominated, on what scale.

- ``pareto``: dominance and hypervolume; ``boxes``: what a front leaves open, for expected gains.
- ``scaling``: logarithms and a box that all points lie in.
"""
