"""Quantizers of weights alone, one method per file.

- ``twn``, ``ttq``, ``tga``, ``tas``: ternary; ``sawb``: ternary and more bits.
"""
