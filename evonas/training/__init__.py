"""Training of supernets and of single networks.

May import ``config``, ``spaces``, ``nets``, ``architecture`` and the small root files.

- ``loop``: the training loop with its plan and checkpoint; ``schedule``: learning rates; ``adamw``: the optimizer.
- ``strategies``: which paths a supernet trains on, and what a step minimises; the table ``STRATEGIES``.
- ``distillation``: a step of a network that learns from a teacher.
- ``supernet_training``, ``early_stop``: a run's supernet.
- ``network_training``, ``recipe``: one network by the recipe of the run file.
- ``generator``: torch's random numbers; ``hardware``: device, number format, compilation; ``tensorboard``: a log.
- ``datasets``: images.
"""
