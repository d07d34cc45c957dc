"""One search, from the run file to the report: the main path.

May import ``algorithms``, ``evaluation`` and what lies below, and ``reports``.

- ``engine``: open, train the supernet, search, score the front again, report.
- ``loop``: ask, evaluate, tell; ``steady_state``: the same without generations; ``state``: what both drive.
- ``stopping``: every way a search ends; ``expansion``: widths that it has earned.
- ``context``: what a run file stands for; ``problems``: networks or a table; ``stages``: what scores them.
- ``provenance``: what a run must keep to stay itself; ``lock``: whose a folder is; ``torchrun``: helping processes.
"""
