"""Files for other runtimes.

May import ``nets``, ``architecture`` and the small root files.

- ``formats``: the table of formats; ``seal``: which network a file holds, and that it is whole.
- ``torch_file``: for torch; ``onnx``: for ONNX tools; ``c``: for a C compiler.
"""
