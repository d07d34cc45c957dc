"""Figures: tables in, pictures out. May import ``tables``, ``run_folder`` and ``objectives``."""
