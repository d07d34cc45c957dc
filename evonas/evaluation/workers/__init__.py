"""Who does the work of a run: this process, processes beside it, threads, a cluster.

May import ``config`` and the small root files.

- ``pool``: jobs handed out and results taken; ``backend``: the interface of who works.
- ``local``: this machine, the one door to joblib; ``dask``: a cluster, the one door to Dask.
- ``workers``: the table of backends, as the run file names them.
- ``limits``: one thread, and a time limit.
"""
