"""ONNX files.

- ``graph``: the graph of a frozen network, equal to the bit; ``packed``: how it stores weights.
- ``compiler_graph``: the graph for compilers; ``values``: what passes between its operations; ``qdq``, ``qonnx``: for
  compilers of 8 bits and of any number of bits.
- ``nodes``: what graphs are made of; ``files``: whole files; ``onnx_runtime``, ``qonnx_runtime``: run them.
- ``openvino_file``: binary layers for OpenVINO, written and run.
"""
