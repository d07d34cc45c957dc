"""A frozen network as one safetensors file: packed numbers as tensors, the architecture as JSON in its header."""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save

from evonas.architecture.graph import INPUT, Architecture, Op, Shape
from evonas.architecture.input_codes import InputCodes
from evonas.architecture.precision import NUMBERS, STREAMS, Precision, precision
from evonas.architecture.scheme import Scheme
from evonas.architecture.stored_numbers import of_shifts
from evonas.errors import EvonasError, ExportError
from evonas.export.format import Runner, bytes_by_layer
from evonas.export.seal import REMEDY, Sealed, unsealed
from evonas.nets.frozen import FrozenConv, FrozenNetwork, Kernel, reads_codes
from evonas.nets.integer_network import IntegerNetwork
from evonas.nets.packing.codes import unpack
from evonas.nets.packing.numbers import Floats, exponent_of, read
from evonas.nets.quant.activation_rule import ActivationRule

# of an operation's facts, which a file leaves out
DEFAULTS = {field.name: field.default for field in fields(Op) if field.default is not MISSING} | {
    "weight": "float",
    "act": "float",
}
STANDARDS = ("centre", "density")  # of the input
KEPT = {"stream": STREAMS, "norms": NUMBERS, "scales": STREAMS}  # how a network's numbers are kept
Arrays = dict[str, np.ndarray[Any, Any]]


def torch_file(frozen: FrozenNetwork) -> bytes:
    """Write a network down, without its digest yet; :func:`read_torch_file` reads it."""
    tensors: Arrays = {
        f"{name}/{part}": array for name, conv in frozen.convs.items() for part, array in conv.stored.items()
    }
    tensors |= {f"{INPUT}/{part}": array for part, array in zip(STANDARDS, frozen.codes.standards or ())}  # noqa: B905
    if frozen.step is not None:
        tensors[f"{INPUT}/step.exponent"] = np.array([exponent_of(frozen.step)], dtype=np.int8)
    description = {
        "input_shape": frozen.architecture.input_shape,
        "scheme": asdict(frozen.architecture.scheme),
        **{name: getattr(frozen.architecture, name).name for name in KEPT},
        "ops": [_op_facts(op) for op in frozen.architecture.ops],
        "convs": {name: _conv_facts(conv) for name, conv in frozen.convs.items()},
        "codes": {name: getattr(frozen.codes, name) for name in ("low", "high", "per_one", "level", "floor")},
        "facts": dict(frozen.facts),
    }
    metadata = {"evonas": unsealed("torch", frozen.facts), "network": json.dumps(description, separators=(",", ":"))}
    return save(tensors, metadata=metadata)


def read_torch_file(raw: bytes) -> FrozenNetwork:
    """Read what :func:`torch_file` wrote. No code is executed.

    Raises:
        ExportError: It describes no network.
    """
    try:
        tensors = load(raw)
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
        network = json.loads(header["__metadata__"]["network"])
        ops = tuple(_op(facts) for facts in network["ops"])
        kept = {name: table[network[name]] for name, table in KEPT.items()}
        architecture = Architecture(tuple(network["input_shape"]), ops, Scheme(**network["scheme"]), **kept)
        centre, density = (tensors.get(f"{INPUT}/{part}") for part in STANDARDS)
        codes = InputCodes(**network["codes"], centre=centre, density=density)
        facts = network["convs"]
        convs = {op.name: _conv(op, facts[op.name], tensors, codes, architecture) for op in ops if op.kind == "conv"}
        shapes = architecture.shapes
        for conv in convs.values():
            if shapes[conv.op.inputs[0]] != conv.source:
                raise ValueError(f"{conv.op.name} reads {shapes[conv.op.inputs[0]]}, not {conv.source}")
        step = None if architecture.stream.is_float else np.ldexp(np.float32(1), tensors[f"{INPUT}/step.exponent"][0])
        told = {str(key): str(value) for key, value in network["facts"].items()}
        return FrozenNetwork(architecture, convs, told, codes, step)
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError, AttributeError, EvonasError) as error:
        raise ExportError(
            "a network in the file", found=f"{type(error).__name__}: {error}".splitlines()[0], remedy=REMEDY
        ) from error


def run_torch_file(sealed: Sealed) -> Runner:
    """Open a checked file in torch."""
    network = IntegerNetwork(read_torch_file(sealed.raw))
    return lambda images: network(torch.from_numpy(images)).numpy()


def stored_bytes(sealed: Sealed) -> dict[str, int]:
    """Bytes of the tensors of the input and of each convolution."""
    return bytes_by_layer((name, array.nbytes) for name, array in load(sealed.raw).items())


def _op_facts(op: Op) -> dict[str, Any]:
    facts = asdict(op) | {"weight": op.weight.name, "act": op.act.name}
    return {name: value for name, value in facts.items() if value != DEFAULTS.get(name)}


def _op(facts: dict[str, Any]) -> Op:
    facts = DEFAULTS | facts
    known = {"weight": precision(facts["weight"]), "act": precision(facts["act"])}
    return Op(**(facts | known | {name: tuple(facts[name]) for name in ("inputs", "steps", "kernel", "stride")}))


def _conv_facts(conv: FrozenConv) -> dict[str, Any]:
    kernel = conv.kernel
    return {
        "source": asdict(conv.source),
        "shape": kernel.values.shape,
        "kernel": {name: getattr(kernel, name) for name in ("levels", "low", "stride", "per", "is_taken_up")},
        "act": conv.act and {name: getattr(conv.act, name) for name in ("rule", "low", "high", "ratio", "is_taken_up")},
    }


def _conv(op: Op, facts: dict[str, Any], tensors: Arrays, codes: InputCodes, architecture: Architecture) -> FrozenConv:
    own = {key.rpartition("/")[2]: value for key, value in tensors.items() if key.rpartition("/")[0] == op.name}
    source, norms, scales = Shape(**facts["source"]), architecture.norms, architecture.scales
    shape, form = tuple(facts["shape"]), dict(facts["kernel"])

    def vector(name: str, number_format: Precision, n: int) -> Floats:
        return read(own[name], own.get(f"{name}.exponent"), number_format, n=n)

    values = own["weight"]
    if form["levels"]:
        indices = unpack(values, levels=form["levels"], n=int(np.prod(shape))).astype(np.int16)
        values = form["low"] + form["stride"] * indices
        n = {"plane": shape[0], "filter": shape[1], "sign": 2}[form["per"]]
        form["scales"] = np.ones(1, dtype=np.float32) if form["is_taken_up"] else vector("scales", scales, n)
    act = facts["act"]
    if act:
        stored = vector("act", of_shifts(scales), 2).tolist() if "act" in own else []
        n = {"round": 1, "threshold": 2}.get(act["rule"], 0)
        act = ActivationRule(**act, numbers=(*stored, *[1.0] * (n - len(stored))))
    places = [place for place, step in enumerate(op.steps) if step in ("norm", "standardize")]
    channels = {place: source.channels if place < op.steps.index("conv") else op.channels for place in places}
    shifts = of_shifts(norms)
    rows = ("prelu", "prelu.before", "prelu.after")
    return FrozenConv(
        op,
        source,
        Kernel(values.reshape(shape), **form),
        act=act,
        norms={
            place: np.stack([vector(f"norm{place}", norms, n), vector(f"norm{place}.shift", shifts, n)])
            for place, n in channels.items()
        },
        bias=vector("bias", of_shifts(scales), op.channels) if "bias" in own else None,
        prelu=np.stack([vector(row, shifts, op.channels) for row in rows]) if "prelu" in own else None,
        image=codes if reads_codes(op) else None,
        norm_precision=norms,
        scale_precision=scales,
    )
