"""An objective of one's own, counted from the layers: grams of CO2 for a million images at 400 g per kWh, modelled."""

from evonas import Objective
from objectives.energy import energy

GRAMS_PER_JOULE = 400 / 3.6e6

CARBON = Objective(
    name="carbon", unit="g", title="CO2 a million images", measure=lambda layers: 1e6 * energy(layers) * GRAMS_PER_JOULE
)
