"""ONNX files.

- ``graph``: the graph of a frozen network; ``nodes``: what it is made of; ``dialects``: ONNX, QDQ and QONNX.
- ``openvino_file``: binary layers for OpenVINO.
"""
