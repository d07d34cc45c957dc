"""Read a run folder, answer questions about it as plain tables, draw figures and write pages.

May import ``objectives``. Rooms, each higher one may use lower ones only:

- ``pages``: interactive pages.
- ``figures``: pictures of tables.
- ``comparison``: several runs beside one another.
- ``tables``: one question per file.
- ``run_folder``: what a run leaves on disk.
"""
