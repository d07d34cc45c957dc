"""Claim: mixed precision beats uniform 2, 3 and 4 bits by >= 1.2 points at equal BitOPs, with >= 27 % less at no loss.

The preset lpnas searches a residual network's weight and activation bits and widths a layer. Its baselines are the
uniform networks of 2, 3 and 4 bits at half and full width. Taken from the front is the network of smallest estimated
error within the BitOPs of each of them, and within 73 % of the bytes and of the energy of each one at full width;
everything is trained from scratch by one recipe. Saved at no loss: what the cheapest of the networks taken has that is
at least as accurate as the uniform one, against the uniform one. And what bits alone save of the modelled energy.

Shared convolution's speed and memory: benchmarks/shared_convolution.py; scaling on and off:
benchmarks/mixture_scaling.py.

    python benchmarks/seeds/lpnas.py --data DIR [--scale full] [--quick] [--json FILE] [--seeds N] [--workers N]

Scale small: depth 8 and 8 channels; 5,000 images averaged to half their side, 6 epochs, a search of 240 networks. Full:
depth 20 and 16 channels, all images, 200 epochs.
"""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from setting import Contender, Setting, best, cost, gain, line, print_accuracies, read_options, search, train_all

from evonas.spaces import ResidualSpace

WIDTHS = (0.5, 1.0)
BITS = ("2-bit", "3-bit", "4-bit")
MORE_POINTS, LESS = 1.2, 0.27
COSTS = ("bitops", "model_size", "energy")


def size(setting: Setting) -> dict[str, Any]:
    """Of the residual network."""
    return {"depth": 20, "channels": 16} if setting.scale == "full" else {"depth": 8, "channels": 8}


def uniform(setting: Setting, bits: str, width: float) -> Contender:
    """A network of one width factor and one precision; first and last layer have 8 bits, as in the search."""
    space = ResidualSpace(
        *setting.images_given,
        **size(setting),
        weight_precisions=(bits,),
        act_precisions=(bits,),
        stem_precisions=("8-bit",),
        classifier_precisions=("8-bit",),
        widths=(width,),
        expansions=(),
    )
    return Contender(space.base())


def main() -> None:
    """Search, train, compare, write the JSON."""
    setting = read_options(__doc__)
    pairs = product(BITS, WIDTHS)
    contenders = {f"{bits} at {width:g}": uniform(setting, bits, width) for bits, width in pairs}
    uniforms = {name: one.architecture for name, one in contenders.items()}
    wanted = [(name, "bitops", 1.0) for name in uniforms]
    wanted += [(f"{bits} at 1", key, 1 - LESS) for bits, key in product(BITS, ("model_size", "energy"))]
    picks: dict[tuple[str, str], str] = {}
    with tempfile.TemporaryDirectory() as folder:
        run, space = search(setting, "lpnas", Path(folder) / "mixed", space=size(setting))
        known = {architecture: name for name, architecture in uniforms.items()}
        for name, key, share in wanted:
            found = best(run, space, within={key: share * cost(uniforms[name], key)})
            if found is None:
                print(f"no network of the front has at most {share:.0%} of the {key} of {name}")
                continue
            picks[name, key] = known.setdefault(found, f"mixed {len(known) - len(uniforms) + 1}")
            contenders[picks[name, key]] = Contender(found)
    rows = train_all(setting, contenders)
    counted = {name: {key: cost(one.architecture, key) for key in COSTS} for name, one in contenders.items()}
    print_accuracies(
        rows,
        bytes={name: f"{costs['model_size']:,.0f}" for name, costs in counted.items()},
        MBitOPs={name: f"{costs['bitops'] / 1e6:.2f}" for name, costs in counted.items()},
        modelled_µJ={name: f"{1e6 * costs['energy']:.3f}" for name, costs in counted.items()},
    )
    mean = rows.groupby("name")["accuracy"].mean()
    results = []
    for name in uniforms:
        if pick := picks.get((name, "bitops")):
            difference, error = gain(rows, pick, name)
            target, holds = f">= {MORE_POINTS}", difference >= MORE_POINTS
            title = f"{pick} minus {name} at equal BitOPs"
            results.append(line(title, difference, "points", target=target, holds=holds, se=error))
    for name, key in product(uniforms, ("model_size", "energy")):
        sound = [counted[pick][key] for pick in set(picks.values()) - set(uniforms) if mean[pick] >= mean[name]]
        if sound:
            saved = 1 - min(sound) / counted[name][key]
            title = f"{key} saved against {name} at no loss"
            results.append(line(title, saved, "share", target=f">= {LESS}", holds=saved >= LESS))
        else:
            print(f"no mixed network is as accurate as {name}")
    wide = {bits: counted[f"{bits} at 1"]["energy"] for bits in BITS}
    for bits in BITS:
        results.append(line(f"modelled energy of {bits} over 4-bit", wide[bits] / wide["4-bit"], "ratio"))
    setting.report(
        __doc__,
        results,
        costs=counted,
        picks=[[*for_, pick] for for_, pick in picks.items()],
        rows=rows.to_dict("records"),
    )


if __name__ == "__main__":
    main()
