"""Pages for people: one self-contained file each. May import all other rooms of ``reports``.

- ``page``, ``page_data``, ``classes``: of a run; ``comparison_page``: of several.
- ``html``: what both are put together with; its templates and scripts lie in the folder web.
"""
