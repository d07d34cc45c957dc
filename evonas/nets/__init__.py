"""Networks that run: supernets, stand-alone networks, and their frozen whole-number form.

May import ``architecture``, torch and the small root files.

- ``network``: executes architectures, one alone or a whole space's over shared weights.
- ``layer``, ``norm``: the quantized layer and its batch norm, at any width and precision.
- ``mixed_path``: layers that run all their precisions at once; ``mixture``: several precisions in one tensor.
- ``distributed``: several processes that train one network.
- ``weights``: weights on disk.
- ``frozen``, ``freeze``: a trained network as integer codes and scales.
- ``integer_network``: what a frozen network computes, exactly.
- ``packing``: codes as bits.
- ``execution``: how an architecture is run fast on a CPU.
- ``quant``: the quantizers.
"""
