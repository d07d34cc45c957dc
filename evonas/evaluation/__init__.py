"""From a genome to its values.

May import ``training``, ``config``, ``spaces``, ``nets``, ``architecture``, the small root files, and ``reports``.

- ``measures``: what a run measures; ``costs``: what of it is counted, and which bounds it violates.
- ``estimator``: the interface, and evaluation side by side; ``evaluator``: each network once, results stored.
- ``job``: what goes to a worker and what comes back.
- ``network_estimator``, ``scorers``, ``scoring_context``: networks, by a supernet's weights or short training runs.
- ``estimated``: what scores say of the error after a whole training; ``whole_training``: the job of such a training.
- ``lookup``: tables and functions of the user's.
- ``workers``: processes, threads, clusters.
"""
