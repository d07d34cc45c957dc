"""Figures: tables in, pictures out. May import ``comparison``, ``tables``, ``run_folder`` and ``objectives``.

- ``figures``: pictures of a run; ``plots``, ``paper_figures``: for papers, with the data that they show.
- ``bands``: lines with bands; ``layered_graph``, ``network_drawing``: one network as a graph.
"""
