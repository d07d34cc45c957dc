"""A network's operations as C: the function that runs them one after another, and the table that describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evonas.architecture.graph import Architecture, Op
from evonas.export.c.layers import CLayer
from evonas.export.c.memory.plan import Plan
from evonas.nets.frozen import FrozenConv, FrozenNetwork

SOURCES = {
    "NET_IMAGE": "the image",
    "NET_CODES": "codes of the layer before",
    "NET_TENSOR": "a tensor",
    "NET_PREPARED": "floats",
    "NET_QUANTIZED": "codes",
    "NET_ROWS": "codes",
}


def c_run_function(frozen: FrozenNetwork, plan: Plan, *, names: Mapping[str, str]) -> str:
    """The function ``net_forward``: a line or two for each operation.

    Args:
        frozen: The network.
        plan: Its memory.
        names: The identifier of each convolution.
    """
    architecture = frozen.architecture
    lines, sums = [], {op.name for op in plan.added.values()}
    for i, op in enumerate(architecture.ops):
        if architecture.is_view(op):
            continue
        for move in plan.moves(op.name) if op.name not in sums else ():
            sizes = f"net_arena + {move.to}, net_arena + {move.start}, {move.cells} * sizeof(net_cell)"
            lines.append(f"memmove({sizes});  /* {move.name} */")
        if op.kind == "conv":
            family = plan.choices[op.name].family
            lines.append(f"net_convolve_{family}(net_arena, &net_{names[op.name]}, image);")
        elif op.name not in sums:
            lines += [f"{call}  /* {op.name} */" for call in _calls(architecture, plan, op)]
        lines.append(f"NET_DONE({i});")
    lines.append(f"return net_arena + {plan.at(architecture.ops[-1].name, by=architecture.layers[-1].name)};")
    body = "".join(f"    {line}\n" for line in lines)
    return f"static const net_cell *net_forward(net_cell *net_arena, const uint8_t *image)\n{{\n{body}}}\n\n"


def _calls(architecture: Architecture, plan: Plan, op: Op) -> Iterator[str]:
    shapes = architecture.shapes
    first, to = shapes[op.inputs[0]], shapes[op.name]
    inputs = [] if op.kind == "zeros" else [plan.reads(name, by=op.name) for name in op.inputs]
    out, area = plan.at(op.name, by=op.name), to.height * to.width
    match op.kind:
        case "add" | "skip":
            places = f"static const int32_t inputs[] = {{{', '.join(map(str, inputs))}}};"
            sizes: tuple[int, ...] = (len(inputs), out, to.channels, area, int(op.name == architecture.logits))
            yield f"{{ {places} net_add(net_arena, image, inputs, {', '.join(map(str, sizes))}); }}"
        case "concat":
            channel = 0
            for name, place in zip(op.inputs, inputs, strict=True):
                n = shapes[name].channels
                yield f"net_copy(net_arena, image, {place}, {n}, {out}, {channel}, {to.channels}, 1, {area}, {n});"
                channel += n
        case "max_pool" | "avg_pool":
            sizes = (inputs[0], out, first.channels, first.height, first.width, *op.kernel, *op.stride)
            yield f"net_{op.kind}(net_arena, image, {', '.join(map(str, sizes))});"
        case "align":
            before, after = (shape.channels // first.segments for shape in (first, to))
            if after > before:
                yield f"net_zeros(net_arena, {out}, {to.elements});"
            sizes = (inputs[0], before, out, 0, after, first.segments, area, min(before, after))
            yield f"net_copy(net_arena, image, {', '.join(map(str, sizes))});"
        case "zeros":
            yield f"net_zeros(net_arena, {out}, {to.elements});"
        case _:
            raise ValueError(f"unknown kind of operation {op.kind!r} in {op.name}")


def c_table(frozen: FrozenNetwork, plan: Plan, layers: Mapping[str, CLayer]) -> Iterator[str]:
    """A line for each operation: its output, and what a convolution reads, computes and writes."""
    shapes = frozen.architecture.shapes
    sums = {op.name for op in plan.added.values()}
    wide = max(len(op.name) for op in frozen.architecture.ops)
    for i, op in enumerate(frozen.architecture.ops):
        shape = shapes[op.name]
        size = f"{shape.channels}x{shape.height}x{shape.width}"
        if op.kind == "conv":
            text = _described(frozen.convs[op.name], layers[op.name], writes_codes=op.name in plan.readers)
        elif op.name in sums:
            text = "add, as its last convolution is computed"
        else:
            text = op.kind if op.kind in ("add", "concat", "align", "zeros") else f"{op.kind} {_sides(op)}"
        yield f"{i:>3}  {op.name:<{wide}}  {size:>11}  {text}"


def _described(conv: FrozenConv, layer: CLayer, *, writes_codes: bool) -> str:
    op = conv.op
    text = f"{'-'.join(op.steps)} {_sides(op)}"
    text += f" of {op.groups} groups" if op.groups > 1 else ""
    text += f", {op.weight} weights, {layer.n_bytes} bytes; reads {SOURCES[layer.source]}"
    text += "" if conv.act is None else f" ({op.act}{', by whole numbers' if layer.is_whole else ''})"
    text += ", writes whole numbers" if layer.has_whole_sums else ""
    if layer.has_thresholds:
        return f"{text}, writes codes by integer thresholds"
    return f"{text}, writes codes" if writes_codes else text


def _sides(op: Op) -> str:
    return "x".join(map(str, op.kernel))
