"""Quantizers of activations alone, one method per file.

- ``pact``: with a learned clip; ``ternary_activation``: three levels.
"""
