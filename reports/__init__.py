"""Read a run folder, answer questions about it as plain tables, draw figures and write pages.

- ``run_folder``: what a run leaves on disk.
- ``tables``: one question a file.
- ``figures``: pictures of tables.
- ``pages``: interactive pages.
"""
