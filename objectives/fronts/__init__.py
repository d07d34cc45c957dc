"""Many networks compared: which are dominated, on what scale.

- ``pareto``: dominance and hypervolume; ``scaling``: logarithms and a box that all points lie in.
"""
