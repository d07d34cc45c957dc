"""How trained numbers are stored, to the byte.

- ``codes``: of weights, packed into bytes; ``numbers``: all others, as floats or as whole numbers with an exponent.
"""
