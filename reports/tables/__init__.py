"""Questions about runs, answered as plain tables, one question a file. May import ``run_folder`` and ``objectives``."""
