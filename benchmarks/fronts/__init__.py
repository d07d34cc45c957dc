"""What benchmarks/trained_fronts.py is made of.

- ``tasks``: data sets, settings, and the boxes of hypervolumes.
- ``clock``: processor seconds, kept over stops; ``ledger``: whole trainings, kept as they come.
- ``proposals``: which networks rivals train; ``contenders``: everyone who is compared, run until its time is used.
- ``measured``: what a contender trained, and its front on the test set.
- ``judged``: hypervolumes and differences; ``estimates``: how well a search knew what trainings would give.
"""
