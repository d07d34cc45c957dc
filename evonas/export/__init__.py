"""Files for other runtimes.

May import ``nets``, ``architecture`` and the small root files.

- ``format``: what a format is; ``formats``: the table; ``seal``: which network a file holds, and that it is whole;
  ``bundle``: the same of many files; ``closeness``: how near its logits come.
- ``torch_file``: for torch; ``onnx``: for ONNX tools; ``c``: for a C compiler.
"""
