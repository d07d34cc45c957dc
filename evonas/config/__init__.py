"""The run file: sections, defaults, checks. No torch.

May import ``spaces``, ``architecture`` and the small root files.

- ``removed``: keys that are no more.
- ``load``: the whole run file, read, laid over a preset, checked, written.
- ``sections``: data, quantizers, supernet, estimate, search.
- ``device``: the microcontroller that is searched for.
- ``space``: the section of whichever search space is named.
- ``training``: how a chosen network is trained; ``compute``: where the work is done.
- ``toml_file``: TOML files, read with bounds on what they cost.
- ``bounds``: upper bounds as numbers or shares of a base network.
- ``presets``: ready-made values, one TOML file each.
"""
