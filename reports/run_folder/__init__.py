"""What a run leaves on disk. Nothing in it is ever unpickled.

- ``schema``: the tables of the archive, and one evaluation.
- ``facts``: all that a run stores beside its evaluations, as one typed model.
- ``archive``: connections to the archive, for writing or only for reading; ``seal``: its checksum.
- ``checks``: what an archive must be before it is read.
- ``folder``: the run folder, made, written and read.
- ``parameters``: genomes as columns, in the types of a user's own problem.
- ``files``: files that are either complete or not there.
"""
