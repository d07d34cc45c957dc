"""Numbers that training learns."""

from __future__ import annotations

from objectives.layer import Number
from objectives.objective import Layers, Objective


def parameters(layers: Layers) -> Number:
    """Latent weights, biases, batch norm's scales and shifts, slopes, thresholds and step sizes: all that is learned.

    What deep-learning frameworks call the parameters of a module, whatever their precision. Batch-norm statistics and
    scales that follow from the weights are not among them.
    """
    return sum(layer.parameters for layer in layers)


PARAMETERS = Objective(name="parameters", unit="", title="parameters", measure=parameters)
