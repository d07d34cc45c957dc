"""What exported C does for each layer, in units that take about as many instructions each time they are done.

They follow the runtime's loops: what a kernel does for each product, word, row, pixel and weight, what quantizes and
finishes, and what other operations move. All counts are whole numbers, of one network or of many at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from objectives.device.convs import is_conv, reads_image, scales_filters
from objectives.device.kernels import PASS, WIDTHS, Sizes, kernels, sizes
from objectives.device.numbers import flag, is_among, larger, pick, smaller
from objectives.device.readers import FLOAT_BITS, MANTISSA, Place, places
from objectives.layer import AVG_POOL, BY_DIVISION, BY_IMAGE, BY_SIGN, BY_THRESHOLDS, MAX_POOL, Layer, Number
from objectives.objective import Layers

Work = dict[str, Number]
READS = ("add_input", "average_input", "most_input", "shortcut_input")  # of tensors
STORED = tuple(2**width for width in WIDTHS)  # levels of weights that are multiplied as they are stored


def work_of(layers: Layers) -> Iterator[Work]:
    """The work of each layer, by name of the unit; what a layer does none of may be left out."""
    for place in places(layers):
        layer = place.layer
        if layer.op == "input":
            yield {}
            continue
        moves = _moves(layer)
        if layer.op == "add":  # nothing is left to do of what a convolution adds up
            moves = {unit: number * (1 - place.is_made_early) for unit, number in moves.items()}
        work = {"op": flag(layer.output_elements > 0), **moves}
        if layer.module is not None:
            for part in (_prepares(place), _multiplies(layer), _finishes(place)):
                for unit, number in part.items():
                    work[unit] = work.get(unit, 0) + number
        yield work | _streams(place, work)


def _moves(layer: Layer) -> Work:
    """Pools, sums, copies."""
    channels, height, width = layer.output_shape
    elements, area = layer.output_elements, height * width
    read = elements * n_inputs(layer)
    if layer.op == "add":  # of no branch: zeros
        sums = elements * flag(read > 0)
        return {"add_element": sums, "add_input": read, "copy_element": elements - sums}
    if layer.op in ("concat", "align"):
        return {"copy_element": elements, "copy_pixel": flag(elements > 0) * area * larger(len(layer.inputs), 1)}
    if layer.op == "zeros" or layer.reading is None:
        return {"copy_element": elements}
    reading, work = layer.reading, {}
    no_conv, (rows, columns) = 1 - is_conv(layer), reading.source[1:]
    down = _inside(rows, height, reading.kernel[0], reading.stride[0], 1)
    aside = _inside(columns, width, reading.kernel[1], reading.stride[1], 1)
    average, most = (no_conv * flag(layer.pool == kind) * flag(channels > 0) for kind in (AVG_POOL, MAX_POOL))
    work["average_element"], work["average_input"] = average * elements, average * down * aside * channels
    work["most_pixel"], work["most_input"] = most * down * aside, most * down * aside * channels
    if layer.op == "conv":  # in the place of a convolution
        copies = no_conv * (1 - flag(layer.pool != 0))
        work["copy_element"], work["copy_pixel"] = copies * elements, copies * flag(elements > 0) * area
    if "input" in layer.inputs:
        work["image_element"] = no_conv * reading.source[0] * rows * columns
    return work


def n_inputs(layer: Layer) -> Number:
    """How many outputs it reads."""
    return sum((flag(mask) for mask in layer.reads), 0) if layer.reads else len(layer.inputs)


def _streams(place: Place, work: Work) -> Work:
    """Numbers of tensors in few bits that become floats, or that floats become."""
    layer = place.layer
    is_few, conv = flag(layer.output_bits < 32), is_conv(layer)
    elements = layer.output_elements * (1 - place.is_made_early)
    written = elements * (1 - conv) + elements * conv * (1 - place.has_codes) * (1 - place.has_whole_sums)
    read = (sum(work.get(unit, 0) for unit in READS) + work.get("copy_element", 0) * (1 - conv)) * is_few
    if layer.reading is not None and layer.module is not None:
        channels, rows, columns = layer.reading.source
        reads_few = flag(layer.input_bits < 32 * channels * rows * columns) * conv
        unlimited = (1 - place.is_fed) * (1 - place.has_limits - _whole_norm(place)) * (1 - reads_image(layer))
        read = read * (1 - conv) + reads_few * unlimited * channels * rows * columns
        read = read + is_few * conv * (
            elements * place.is_added * (1 - place.has_whole_sums) + work.get("shortcut_input", 0)
        )
    return {"stream_read": read, "stream_written": written * is_few}


def _prepares(place: Place) -> Work:
    """What makes codes or floats of a tensor, in front of a convolution."""
    layer = place.layer
    one = sizes(layer)
    reading, module = one.reading, one.module
    has_pool = module.has_pool
    there = is_conv(layer) * (1 - place.is_fed) * (1 - reads_image(layer))
    channels, rows, columns = reading.source
    measured, elements = flag(module.codes == BY_IMAGE), channels * rows * columns
    plain, pooled = there * (1 - has_pool), there * has_pool * (1 + 2 * measured)
    steps = module.norms_before + module.relus_before
    whole = there * _whole_norm(place)
    limited, plain = there * place.has_limits, plain * (1 - place.has_limits) * (1 - whole)
    has_front = flag((module.codes != 0) | (steps > 0))
    work = {
        "prepared_pixel": plain * has_front * one.pixels,
        "norm": plain * one.elements * module.norms_before,
        "relu": plain * one.elements * module.relus_before,
        **_decoded(2 * plain * one.elements * module.norms_before, module.norm_bits),
        "whole": whole * one.elements,
        "whole_rounded": whole * one.elements * flag(module.codes == BY_DIVISION),
        "whole_compared": whole * one.elements * flag(module.codes == BY_THRESHOLDS),
        "whole_power": whole * one.elements * flag(module.norm_bits < 8),
        "whole_pixel": whole * one.pixels,
        "pooled": pooled * elements,
        "pooled_step": pooled * elements * steps,
        "pooled_channel": pooled * channels,
        "pooled_decoded": pooled * elements * module.norms_before * flag(module.norm_bits < FLOAT_BITS),
        "pooled_power": pooled * elements * module.norms_before * flag(module.norm_bits < 8),
        "measured": plain * measured * one.elements,
        "measured_step": plain * measured * one.elements * steps,
        **_quantizes(module.codes, (there - limited - whole) * one.elements, module.norms_before),
        "limited": limited * one.elements,
        "limit": limited * one.elements * larger(module.act_levels - 1, 0),
        "limited_pixel": limited * one.pixels,
    }
    if "input" in layer.inputs:
        work["image_element"] = there * elements
    return work


def _whole_norm(place: Place) -> Number:
    """Whether it makes codes by a norm of whole numbers, and these are exact, as they are if bits are few."""
    module, reading = place.layer.module, place.layer.reading
    if module is None or reading is None:
        return 0
    channels, rows, columns = reading.source
    bits = place.layer.input_bits // larger(channels * rows * columns, 1) + larger(module.norm_bits, 8)
    return place.has_whole_norm * flag(bits <= MANTISSA)


def _decoded(numbers: Number, bits: Number) -> Work:
    """Whole numbers that become floats; of norms, half of them are powers of two if these have so few bits."""
    return {"decoded": numbers * flag(bits < FLOAT_BITS), "decoded_power": numbers * flag(bits < 8)}


def _quantizes(codes: Number, elements: Number, norms: Number) -> Work:
    """Codes of floats; a norm in front divides by their step."""
    divided = elements * flag(codes == BY_DIVISION)
    return {
        "rounded": divided * flag(norms > 0),
        "sign": elements * flag(codes == BY_SIGN),
        "compared": elements * flag((codes == BY_THRESHOLDS) | (codes == BY_IMAGE)),
        "divided": divided * flag(norms == 0),
    }


def _finishes(place: Place) -> Work:
    """What becomes of sums: floats, or codes of the convolution that reads them."""
    layer = place.layer
    one = sizes(layer)
    reading, module = one.reading, one.module
    outputs = one.filters * one.area
    whole, by_thresholds = outputs * place.has_whole_sums, outputs * place.has_thresholds
    floats = outputs - whole - by_thresholds
    is_plain = flag((module.sums == 1) & (module.codes != BY_IMAGE))
    coded = floats * place.has_codes
    is_shuffled = flag((reading.groups > 1) & (reading.groups < one.filters))
    steps = module.norms_after + module.relus_after + module.has_prelu
    is_one = module.takes_scales * flag((module.norms_before > 0) | (module.codes == BY_SIGN))
    by_filter = scales_filters(layer) * is_plain
    norms, of_norms = 2 * (floats * module.norms_after + coded * place.norms), 3 * floats * module.has_prelu
    decoded = _decoded(norms, module.norm_bits)
    decoded["decoded"] = decoded["decoded"] + of_norms * flag(module.norm_bits < FLOAT_BITS)
    of_scales = floats * (module.has_bias + by_filter) * flag(module.scale_bits < FLOAT_BITS)
    decoded["decoded"] = decoded["decoded"] + of_scales
    of_whole = pick(module.takes_scales == 1, module.norm_bits, module.scale_bits)
    return {
        **decoded,
        "whole_sum": whole,
        "whole_sum_norm": whole * module.takes_scales,
        "whole_sum_filter": whole * by_filter,
        "whole_sum_power": whole * flag(of_whole < 8) * larger(module.takes_scales, by_filter),
        "whole_sum_added": whole * place.is_added,
        "whole_sum_pixel": flag(whole > 0) * one.area,
        "converted": floats * is_plain * is_one,
        "conv": flag(one.filters > 0),
        "added": floats * place.is_added,
        "pixel": flag(one.filters > 0) * one.area,
        "bit_passed": by_thresholds * flag(place.levels == 2),
        "code_passed": by_thresholds * flag(place.levels > 2),
        "threshold": by_thresholds * flag(place.levels > 2) * (place.levels - 1),
        "scaled": floats * is_plain * (1 - is_one),
        "scaled_sum": floats * (1 - is_plain) * module.sums,
        "bias": floats * module.has_bias,
        "norm_after": floats * module.norms_after + coded * place.norms,
        "relu_after": floats * module.relus_after + coded * place.relus,
        "prelu": floats * module.has_prelu,
        "step_call": flag(floats > 0) * one.area * (steps + place.has_codes),
        "shortcut": floats * module.has_shortcut,
        "shortcut_input": floats * module.has_shortcut * reading.stride[0] * reading.stride[1],
        "shuffled": outputs * module.sums * is_shuffled,
        **_quantizes(place.codes, coded, place.norms),
    }


def _multiplies(layer: Layer) -> Work:
    """What the kernels do."""
    one, work = sizes(layer), Work()
    for name, mask in kernels(layer).items():
        if not (mask.any() if isinstance(mask, np.ndarray) else mask):
            continue
        own = _KERNELS[name.partition("_")[0]](layer, one, name)
        for unit, number in own.items():
            work[unit] = work.get(unit, 0) + mask * number
    return work


def _words(layer: Layer, one: Sizes, name: str) -> Work:
    reading, module = one.reading, one.module
    width = int(name.rpartition("_")[2])
    groups, per_word, levels = reading.groups, 32 // width, layer.weight_levels
    _, out_rows, out_columns = layer.output_shape
    is_by_sign = flag((module.sums > 1) & (one.planes == 1))
    is_stored = (1 - is_by_sign) * flag(is_among(levels, STORED))
    rows = -(-(one.filters // larger(groups, 1) * module.sums) // 2)  # in pairs
    # pairs of pixels: of several groups, within a row
    pairs = pick(groups > 1, out_rows * -(-out_columns // 2), -(-one.area // 2))
    words = -(-one.length // per_word)
    is_run = (reading.dilation == 1) & (groups == 1)
    runs = reading.kernel[0] * pick(is_run, 1, reading.kernel[1])
    from_image = reads_image(layer)
    products = pairs * groups * rows * words * per_word
    return {
        f"word_{width}": pairs * groups * rows * words,
        # where a core has no multiplication, its time depends on the factors
        "product_bit": products * pick(from_image, 8, layer.act_bits),
        "product_signed": products * module.is_signed,
        "dot": pairs * groups * rows,
        "gathered": one.area * groups * one.length,
        "gathered_run": one.area * groups * runs,
        "gathered_group": one.area * groups,
        "unpacked": one.elements * (1 - from_image),
        "unpacked_image": one.elements * from_image,
        "loaded": layer.weights * (1 - is_stored) * flag(levels != 3),
        "loaded_third": layer.weights * (1 - is_stored) * flag(levels == 3),
        "loaded_rest": is_stored * one.filters * module.sums * (one.length % per_word),
    }


def _bits(layer: Layer, one: Sizes, name: str) -> Work:
    reading, module = one.reading, one.module
    is_binary, groups, levels = name == "bits_binary", reading.groups, layer.weight_levels
    planes: Number = 1 if is_binary else layer.act_bits
    words, sums = -(-one.length // 32), one.filters * module.sums
    border = one.area - _within(layer)
    is_run = (reading.dilation == 1) & (groups == 1)
    runs = reading.kernel[0] * pick(is_run, 1, reading.kernel[1])
    gathered = one.area * planes + border
    work = {
        "plane_run": gathered * groups * runs,
        "plane_word": gathered * groups * words,
        "plane_group": one.area * groups,
    }
    if is_binary:
        triples = one.length // 32 // 3
        return work | {
            "ones": one.area * sums * triples,
            "ones_rest": one.area * sums * (words - 3 * triples),
            "ones_row": one.area * sums,
            "ones_loaded": sums * (one.length % 32),
        }
    triples = words // 3
    passes = one.area * planes + border * module.is_signed
    return work | {
        "masked": passes * sums * triples,
        "masked_rest": passes * sums * (words - 3 * triples),
        "masked_plane": passes * sums,
        "masked_row": one.area * sums,
        "masked_kept": layer.weights * module.percent_not_zero // 100,
        "masked_loaded": layer.weights * flag(levels != 3),
        "masked_loaded_third": layer.weights * flag(levels == 3),
    }


def _adds(layer: Layer, one: Sizes, name: str) -> Work:
    del name
    reading, module = one.reading, one.module
    _, rows, columns = layer.output_shape
    rest, kept = columns % PASS, layer.weights * module.percent_not_zero // 100
    wide, narrow = columns // PASS + flag(rest > 8), flag((rest > 0) & (rest <= 8))
    burst = 255 // larger(module.act_levels - 1, 1)
    return {
        "added_wide": rows * wide * kept,
        "added_narrow": rows * narrow * kept,
        "added_burst": rows * (wide + narrow) * (kept // burst + 2 * one.filters * one.planes),
        "added_row": rows * (wide + narrow) * one.filters * module.sums,
        "spread": one.area * one.filters * module.sums,
        "spread_code": one.elements,
        "spread_row": rows * reading.source[0] * columns,
        "placed": layer.weights,
    }


def _depthwise(layer: Layer, one: Sizes, name: str) -> Work:
    del name
    reading, module = one.reading, one.module
    (_, rows, columns), (_, out_rows, out_columns) = reading.source, layer.output_shape
    down = _inside(rows, out_rows, reading.kernel[0], reading.stride[0], reading.dilation)
    aside = _inside(columns, out_columns, reading.kernel[1], reading.stride[1], reading.dilation)
    pairs, has_pool = -(-one.filters // 2), module.has_pool
    taps = pick(has_pool, 1, down * aside)
    return {
        "tap": taps * pairs * module.sums,
        "tap_bit": taps * pairs * module.sums * layer.act_bits,
        "tap_signed": taps * pairs * module.sums * module.is_signed,
        "tap_place": one.area * one.length,
        "tap_pair": one.area * pairs * module.sums,
        "paired": one.elements,
        "paired_weight": layer.weights,
    }


def _floats(layer: Layer, one: Sizes, name: str) -> Work:
    del name
    reading, module = one.reading, one.module
    gathered = one.area * reading.groups * one.length
    has_codes = flag(module.codes != 0)
    return {
        "float_product": one.area * one.filters * module.sums * one.length,
        "float_sum": one.area * one.filters * module.sums,
        "float_tap": one.area * reading.groups * reading.kernel[0] * reading.kernel[1],
        "float_gathered": gathered * (1 - has_codes),
        "float_gathered_code": gathered * has_codes,
        "float_loaded": layer.weights * flag(layer.weight_levels > 0),
    }


_KERNELS = {"words": _words, "bits": _bits, "adds": _adds, "depthwise": _depthwise, "floats": _floats}


def _inside(side: Number, out: Number, kernel: Number, stride: Number, dilation: Number) -> Number:
    """Pairs of a place of the output and a tap of a window that lie within a side."""
    before, found = dilation * ((kernel - 1) // 2), 0
    for tap in range(int(np.max(kernel))):
        at = dilation * tap - before
        first, end = larger(-(at // stride), 0), smaller(-((at - side) // stride), out)
        found = found + larger(end - first, 0) * (tap < kernel)
    return found


def _within(layer: Layer) -> Number:
    """Pixels of the output whose window lies within the image."""
    reading = layer.reading
    assert reading is not None
    has_pool: Number = 0 if layer.module is None else layer.module.has_pool
    found: Number = 1
    for side, out, kernel, stride in zip(
        reading.source[1:], layer.output_shape[1:], reading.kernel, reading.stride, strict=True
    ):
        before, reach = reading.dilation * ((kernel - 1) // 2), reading.dilation * (kernel - 1)
        first, end = -(-before // stride), smaller((side - 1 - reach + before) // stride + 1, out)
        found = found * pick(has_pool, 1, larger(end - first, 0))
    return found
