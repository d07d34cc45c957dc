"""What a network is, as plain data: no torch.

May import ``errors`` and ``plugins``; everything else in evonas may import this room.

- ``precision``: binary, ternary, 2 to 8 bits, float.
- ``methods``: the quantization methods as facts; the table ``QUANTIZERS``.
- ``scheme``: which method quantizes what; ``input_codes``: how the input is written.
- ``module_steps``: the order of batch norm, quantizer and convolution in a layer.
- ``fitting``: kernels and strides cut to what their input has use for.
- ``graph``: operations, shapes and the whole architecture.
- ``stored_numbers``: how numbers that are no weights are stored.
- ``layer_counts``: weights, bytes and operations of a convolution, for one network or many.
- ``layer_table``: an architecture as a table for people.
"""
