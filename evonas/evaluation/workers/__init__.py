"""Workers of a run: this process, other processes, threads, or a cluster.

May import ``config`` and the small root files.

- ``pool``: jobs handed out and results taken; ``backend``: the interface of backends.
- ``local``: this machine, the only file that uses joblib; ``dask``: a cluster, the only file that uses Dask.
- ``workers``: the table of backends, as the run file names them.
- ``limits``: a time limit.
"""
