"""Claim: a ResNet-20 with ternary weights in all layers is within 1.0 point of its fp32 twin.

First and last layer are ternary too; activations stay float (the classifier reads 8 bits, in the twin as well). Beside
it, on the same network: a fixed threshold of 0.05 max|w|, TWN, TTQ, and truncated Gaussian thresholds (TGA). Same
images, epochs and recipe for all, from random weights; test accuracy after the last epoch. What TGA learned: threshold
over standard deviation and share of zeros, per layer.

    python benchmarks/seeds/tga.py --data DIR [--scale full] [--quick] [--json FILE] [--seeds N] [--workers N]

Scale small: 16 channels become 8; 5,000 images averaged to half their side, 6 epochs. Full: all images, 200 epochs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from setting import Setting, line, read_options
from trainings import gain, print_accuracies, train_all

from evonas.architecture.graph import Architecture
from evonas.architecture.scheme import Scheme
from evonas.spaces import ResidualSpace

METHODS = {"fixed": "twn_max", "twn": "twn", "ttq": "ttq", "tga": "tga"}
MOST_LOST = 1.0


def resnet(setting: Setting, *, weight: str, method: str = "tga") -> Architecture:
    """ResNet-20 with one precision for the weights of all layers, and float activations."""
    space = ResidualSpace.of(
        *setting.images_given,
        depth=8 if setting.scale == "quick" else 20,
        channels=8 if setting.scale == "quick" else 16,
        weight_precisions=(weight,),
        stem_precisions=(weight,),
        classifier_precisions=(weight,),
        act_precisions=("float",),
        widths=(1.0,),
        locked_widths=(),
        scheme=Scheme(ternary_weight=method),
    )
    return space.base()


def main() -> None:
    """Train everything, print the tables, write the JSON."""
    setting = read_options(__doc__)
    contenders = {"fp32": resnet(setting, weight="float")}
    contenders |= {name: resnet(setting, weight="ternary", method=method) for name, method in METHODS.items()}
    rows = train_all(setting, contenders)
    seconds, zeros = {}, {}
    for name in contenders:
        mine = rows[rows["name"] == name]
        seconds[name] = f"{mine['seconds'].mean():.0f}"
        zeros[name] = f"{np.mean([one['zeros'] for layers in mine['layers'] for one in layers] or [0]):.0%}"
    print_accuracies(rows, zeros=zeros, seconds_per_training=seconds)
    learned = pd.DataFrame([one for layers in rows.loc[rows["name"] == "tga", "layers"] for one in layers])
    learned = learned.groupby("layer", sort=False)[["ratio", "zeros"]].mean()
    print(f"what TGA learned, mean over seeds\n{learned.rename_axis(None).to_string(float_format='%.3f')}")
    results = []
    for name in METHODS:
        difference, error = gain(rows, "fp32", name)
        target = f"<= {MOST_LOST}" if name == "tga" else ""
        holds = difference <= MOST_LOST
        results.append(line(f"fp32 minus {name}", difference, "points", target=target, holds=holds, se=error))
    setting.report(__doc__, results, learned=learned.reset_index().to_dict("records"), rows=rows.to_dict("records"))


if __name__ == "__main__":
    main()
