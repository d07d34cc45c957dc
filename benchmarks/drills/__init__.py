"""Parts of the drill: each puts evonas before input of one kind, and says what it did wrong.

- ``harness``: commands in processes of their own, and what counts as a fault.
- ``damage``: flipped, cut and forged bytes, odd values.
- ``run_files``, ``archives``, ``exports``, ``data_sets``, ``kills``, ``places``, ``environments``: the parts.
"""
