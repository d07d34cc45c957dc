"""Weight sharing: train one supernet, then score any of its subnets with inherited weights.

- ``supernet``: protocols; ``score``: a subnet's score; ``settling``: when training may end early.
"""
