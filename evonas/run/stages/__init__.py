"""Search stages: the space as far as it is unlocked, and the estimator used while it lasts.

May import ``evaluation``, ``training``, ``run.problems`` and what lies below.

- ``search_stage``: the interface; ``table_stages``, ``supernet_stages``: of tables and of networks.
- ``supernet_store``: a run's supernets on disk.
"""
