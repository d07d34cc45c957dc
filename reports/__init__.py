"""Read a run folder, answer questions about it as plain tables, draw figures and write pages.

May import ``objectives``. Rooms, from top to bottom; a room may use only the rooms below it:

- ``pages``: interactive pages.
- ``figures``: pictures of tables.
- ``comparison``: several runs side by side.
- ``tables``: one question per file.
- ``run_folder``: what a run leaves on disk.
"""
