"""What a run searches, networks or a table.

May import ``evaluation``, ``training`` and what lies below.

- ``problem``: the interface; ``table_problem``, ``network_problem``: its two implementations.
- ``estimate_choice``: whether a supernet or short training runs take less time.
- ``training_choice``: how many networks are trained in the end.
- ``spaces``: the search space that a run file names.
"""
