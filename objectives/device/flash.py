"""Bytes that exported C takes of a microcontroller's flash: weights, code, and what the compiler's libraries add."""

from __future__ import annotations

from collections.abc import Sequence

from objectives.device.convs import has_whole_sums, is_conv, scales_filters
from objectives.device.cores import DEFAULT_CORE, fit_of
from objectives.device.instructions import as_whole
from objectives.device.kernels import kernels
from objectives.device.numbers import flag, larger, pick
from objectives.device.readers import FLOAT_BITS, Place, places
from objectives.device.scratch import work_cells
from objectives.device.work import Work
from objectives.layer import BY_DIVISION, BY_IMAGE, BY_SIGN, BY_THRESHOLDS, Number
from objectives.model_size import packed_bytes
from objectives.objective import Layers

LAYER_BYTES = 185  # of two structs that say how a convolution is run
CALLED = ("add", "avg_pool", "max_pool", "concat", "align", "zeros")


def flash(layers: Layers, *, core: str = DEFAULT_CORE) -> Number:
    """Bytes of the exported C library in a program for a microcontroller, compiled with -Os; start-up code excluded.

    Formula: ``constants + sum over parts that the network needs of their code``. Constants are weights as they are
    packed, thresholds where they take the place of floats, all other floats, and 185 bytes a convolution that say how
    it is run. Parts are the kernels that the network's layers have, other operations, the calls, and what is always
    there. Their code, with what the compiler's library adds to it (floats in software, division), was fitted, not
    negative, to random networks that were linked; how far it is off: docs/experiments/device.md.

    A run counts the core that ``[device]`` names; without one a Cortex-M4F. -O2, at which ``instructions`` are counted,
    takes 11 to 37 % more code.

    Args:
        layers: Of one network, or of many as arrays.
        core: One of :data:`objectives.device.cores.CORES`.

    Returns:
        Whole bytes; 0 for no layers; an array ``(n,)`` for many networks.
    """
    bytes_of = fit_of(core).flash
    found: Number = 0.0
    around = places(layers)
    for part, number in sorted(_parts(around).items()):
        found = found + number * bytes_of.get(part, 0.0)
    return as_whole(found + sum(map(_stored, around)), layers)


def constants(layers: Layers) -> Number:
    """Bytes of constants."""
    return sum(map(_stored, places(layers)))


def parts_of(layers: Layers) -> Work:
    """Parts of the C code that a network needs, as 0 or 1, and how many calls of each kind it has."""
    return _parts(places(layers))


def _parts(around: Sequence[Place]) -> Work:
    parts: Work = {}

    def note(part: str, is_there: Number) -> None:
        parts[part] = larger(parts.get(part, 0), is_there)

    def count(part: str, n: Number) -> None:
        parts[part] = parts.get(part, 0) + n

    for place in around:
        layer = place.layer
        if layer.op == "input":
            note("encode", flag(layer.bias_bytes > 1))  # one is the exponent of the step of tensors between layers
            continue
        for part, is_there in _features(place).items():
            note(part, is_there)
        for kernel, is_there in kernels(layer).items():
            note(kernel, is_there)
            note(kernel.partition("_")[0], is_there)
        conv = is_conv(layer)
        note("always", conv)
        count("calls of convolutions", conv)
        other = flag(layer.output_elements > 0) * (1 - conv)
        kinds = {layer.op: other} if layer.op in CALLED else {}
        if layer.op == "add":  # of no branch: zeros
            kinds = {"add": other * flag(layer.input_bits > 0)}
            kinds["zeros"] = other - kinds["add"]
        if layer.op == "conv":  # in the place of a convolution: pools, or an align
            pools = {"max_pool": 1, "avg_pool": 2}
            kinds = {name: other * flag(layer.pool == kind) for name, kind in pools.items()}
            kinds["align"] = other - kinds["max_pool"] - kinds["avg_pool"]
        for kind, is_there in kinds.items():
            note(kind, is_there)
            count(f"calls of {kind}", is_there * (len(layer.inputs) if kind == "concat" else 1))
    return parts


def _features(place: Place) -> Work:
    """What of the runtime a layer needs, as the export decides it; 0 or 1."""
    layer, module = place.layer, place.layer.module
    is_few = flag((layer.output_bits < 32) & (layer.output_elements > 0))
    if module is None:
        return {"few bits": is_few}
    conv, sums = is_conv(layer), place.has_thresholds
    plain, whole, floats = (1 - place.has_limits) * (1 - place.has_whole_norm), place.has_whole_norm, 1 - sums
    divides, compares = module.codes == BY_DIVISION, (module.codes == BY_THRESHOLDS) | (module.codes == BY_IMAGE)
    floats = floats * (1 - place.has_whole_sums)
    has_norms = larger(
        (module.norms_before > 0) * plain * (1 - place.is_fed_by_thresholds), module.norms_after * floats
    )
    found = {
        "norm": module.norms_before + module.norms_after,
        "pool": module.has_pool,
        "shortcut": module.has_shortcut,
        "prelu": module.has_prelu,
        "shuffle": module.has_shuffle,
        "sign": (module.codes == BY_SIGN) & (plain == 1),
        "compared": compares & (plain == 1),
        "divided": divides & (plain == 1) & (module.norms_before == 0),
        "rounded": divides & (plain == 1) & (module.norms_before > 0),
        "whole norm": whole,
        "whole norm, rounded": divides & (whole == 1),
        "whole norm, compared": compares & (whole == 1),
        "whole sums": place.has_whole_sums,
        "whole sums by norm": place.has_whole_sums * module.takes_scales,
        "whole sums by filter": place.has_whole_sums * (1 - module.takes_scales) * scales_filters(layer),
        "whole numbers": flag(module.norm_bits < FLOAT_BITS) * has_norms,
        "powers of two": flag(module.norm_bits < 8) * (module.norms_before + module.norms_after),
        "limits": place.has_limits,
        "measured": module.codes == BY_IMAGE,
        "prepared": (1 - place.is_fed) * work_cells(layer) > 0,
        "parts": (module.sums > 1) | (has_whole_sums(layer) == 0) | (module.codes == BY_IMAGE),
        "bit thresholds": sums * flag(place.levels == 2),
        "thresholds": sums * flag(place.levels > 2),
        "wide thresholds": sums * place.is_wide,
        "codes": place.has_codes * (1 - sums),
        "added": place.is_added,
    }
    return {"few bits": is_few, **{part: conv * flag(is_needed) for part, is_needed in found.items()}}


def _stored(place: Place) -> Number:
    """Bytes of a layer's constants."""
    layer = place.layer
    if layer.module is None or layer.reading is None:
        return layer.bias_bytes
    module, there = layer.module, is_conv(layer)
    filters, channels = layer.output_shape[0] * there, layer.reading.source[0] * there
    # whoever is fed codes by thresholds needs no steps of its own, and of its activations the scale alone
    fed = larger(place.is_fed_by_thresholds, place.has_limits)
    numbers = pick(fed, module.step_bytes, module.front_bytes + layer.threshold_bytes)
    numbers = (numbers + module.behind_bytes * (1 - place.has_thresholds)) * there
    each = pick(place.is_wide, 4, 2)
    thresholds = place.has_thresholds * (each * filters * (place.levels - 1) + -(-filters // 8))
    limits = place.has_limits * (2 * channels * (module.act_levels - 1) + -(-channels // 8))
    packed = packed_bytes(layer.weights, levels=layer.weight_levels)
    return packed + numbers + thresholds + limits + LAYER_BYTES * there
