"""One search, from the run file to the report: the main path.

May import ``algorithms``, ``evaluation`` and what lies below, and ``reports``.

- ``engine``: open, train the supernet, search, train the front, report.
- ``loop``: ask, evaluate, tell; ``steady_state``: the same without generations; ``state``: the state of both.
- ``stopping``: every way a search ends; ``expansion``: which widths it unlocks.
- ``context``: what a run file stands for; ``problems``: networks or a table; ``stages``: what scores them;
  ``trainings``: what estimates rest on, and what a search delivers.
- ``provenance``: what must not change in a run; ``lock``: one process per folder; ``torchrun``, ``torchrun_helper``:
  helper processes.
"""
