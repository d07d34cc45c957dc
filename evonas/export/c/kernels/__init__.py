"""Which kernel computes a convolution in C, and what it needs.

- ``choice``: by precisions and shape; memory beside tensors.
- ``weights``: weights in the order in which it reads them.
"""
