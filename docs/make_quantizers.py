"""Write docs/reference/quantizers.md and its pictures from the classes: ``python docs/make_quantizers.py``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import torch

from evonas.architecture.methods import QUANTIZERS, Method
from evonas.architecture.precision import PRECISIONS
from evonas.nets.quant.quantizer import build_quantizer
from evonas.plugins import resolve

HEAD = """# Quantizers

One line per method first, then a page for each, taken from its class: formula, gradient, reference, and a picture of
what it does to a number (blue) and of the gradient that it passes on (orange), at its starting parameters. Weights are
drawn as part of a Gaussian kernel. The run file's [`[quantizers]`](run-file.md) chooses among them; a user's own comes
by path, `"my_quantizers.py:MINE"`, where `MINE` is an `evonas.Method`.

| name | quantizes | precisions | float32 numbers stored per layer |
| --- | --- | --- | --- |
"""
MIXTURES = """
## Mixtures

`evonas.nets.mixture` adds what several precisions make of one tensor, so that a layer of a supernet convolves once
for all of them. `is_scaled` switches forward-and-backward scaling on. What it changes, measured by
`python benchmarks/mixture_scaling.py` (shares of 60, 25, 10 and 5 %):

![variance of activations and norms of gradients with and without scaling](quantizers/mixture.png)

Plain, the steps of a precision with a share of 5 % get about a tenth of the gradient of one with 60 %; scaled, all get
about the same. Without batch norm, activations also fade with depth: over eight layers their variance falls 800 times
plain, and 50 times scaled. With a batch norm before each quantizer they do not, so there evonas scales backward only.
"""
PICTURES = Path(__file__).parent / "reference" / "quantizers"


def page() -> str:
    """The page's text."""
    text = HEAD
    for name, method in QUANTIZERS.items():
        stored = "one per filter" if method.is_stored_per_filter else str(method.stored)
        text += f"| [`{name}`](#{name}) | {method.role}s | {', '.join(method.serves)} | {stored} |\n"
    shown: dict[object, str] = {}
    for name, method in QUANTIZERS.items():
        first = shown.setdefault(_class(method), name)
        described = _described(method) if first == name else f"As [`{first}`](#{first}), see there."
        text += f"\n## `{name}`\n\n![{name}](quantizers/{name}.png)\n\n{described}\n"
    return text + MIXTURES


def _described(method: Method) -> str:
    """A class's docstring as paragraphs, up to its arguments, each paragraph one line."""
    doc = inspect.getdoc(_class(method)) or ""
    doc = doc.split("\nArgs:")[0].replace("References:\n", "\nReference: ").replace("\nGradient:", "\n\nGradient:")
    paragraphs = (re.sub(r":(?:func|class|meth):`([^`]+)`", r"`\1`", " ".join(p.split())) for p in doc.split("\n\n"))
    return "\n\n".join(part.replace("``", "`") for part in paragraphs if part)


def _class(method: Method) -> object:
    return resolve(method.make) if isinstance(method.make, str) else method.make


def draw(name: str, method: Method) -> None:
    """Value and gradient over the input, at the method's lowest interesting precision."""
    from matplotlib.figure import Figure

    precision = next((p for p in ("binary", "ternary", "2-bit") if p in method.serves), method.serves[0])
    quantizer = build_quantizer(method, PRECISIONS[precision])
    x = torch.linspace(-3, 3, 1201)
    # weights in proportion to a Gaussian's density, so that statistics are those of a trained kernel
    spread = torch.distributions.Normal(0.0, 1.0).icdf(torch.linspace(1e-4, 1 - 1e-4, 200_000))
    kernel = (torch.cat([x, spread]) if method.role == "weight" else x).view(1, -1, 1, 1).requires_grad_()
    y = quantizer(kernel)
    y.sum().backward()
    assert kernel.grad is not None
    figure: Any = Figure(figsize=(4.2, 2.6), layout="constrained")
    ax = figure.subplots()
    ax.plot(x, y.detach().flatten()[: len(x)], color="#0072b2", label=f"value, {precision}")
    ax.plot(x, kernel.grad.flatten()[: len(x)], color="#d55e00", linestyle="--", label="gradient passed on")
    ax.set_xlabel("latent" if method.role == "weight" else "activation")
    ax.axhline(0, color="grey", linewidth=0.5)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8)
    figure.savefig(PICTURES / f"{name}.png", dpi=90, metadata={"Software": None})


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    (Path(__file__).parent / "reference" / "quantizers.md").write_text(page(), encoding="utf-8")
    for each, how in QUANTIZERS.items():
        draw(each, how)
