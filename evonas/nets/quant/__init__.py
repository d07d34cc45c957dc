"""Quantizers: latent numbers in, a few levels out, one method per file.

May import ``architecture`` and torch. The table of methods is :data:`evonas.architecture.methods.QUANTIZERS`.

- ``quantizer``: the interface; ``build_quantizer`` makes one of a method.
- ``weights``, ``activations``: methods of one role; ``binary``, ``lsq``: of both.
- ``stream``: of tensors between layers.
- ``activation_rule``: what a trained activation quantizer does, as plain numbers.
"""
