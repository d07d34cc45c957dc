"""ONNX files.

- ``graph``: the graph of a frozen network; ``nodes``: what it is made of; ``dialects``: ONNX, QDQ and QONNX.
- ``files``: whole files; ``onnx_runtime``, ``qonnx_runtime``: run them.
- ``openvino_file``: binary layers for OpenVINO, written and run.
"""
