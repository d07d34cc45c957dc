"""How many networks a search trains at its end, and whether for a short while first, where nothing is said."""

from __future__ import annotations

from evonas.config.load import RunConfig
from evonas.training.network_training import n_steps

STEPS = 20_000  # of all trainings of a search together: a few minutes on one core for networks of some kilobytes
FEWEST, MOST = 12, 40  # networks
LONG = 2_000  # steps of one training from which on brief trainings of the anchors are cheap beside what they may save


def with_trainings(config: RunConfig, n_images: int) -> RunConfig:
    """A run file that says how many trainings there are, whole ones and brief ones; what it said before stays.

    Args:
        config: The run file.
        n_images: That networks are trained on.
    """
    search, steps = config.search, n_steps(config.training, n_images)
    chosen = {
        "trainings": min(MOST, max(FEWEST, STEPS // steps)) if search.trainings == "auto" else search.trainings,
        "has_brief_trainings": steps >= LONG if search.has_brief_trainings == "auto" else search.has_brief_trainings,
    }
    return config.model_copy(update={"search": search.model_copy(update=chosen)})
