"""What a network gets wrong on held-out images, and how that is known."""

from __future__ import annotations

from enum import StrEnum

from objectives.objective import Objective

ERROR = Objective(name="error", unit="share", title="held-out error", is_log=False)
"""Share of held-out images that a network gets wrong once the recipe under [training] has trained it."""


class Fidelity(StrEnum):
    """How the error of a network is known, the cheapest way first."""

    INHERITED = "inherited"
    """Estimated from what it scores with the supernet's weights."""
    BRIEF = "brief"
    """Estimated from a short training of its own, from random weights."""
    TRAINED = "trained"
    """Measured: it was trained by the whole recipe."""
    LOOKED_UP = "looked_up"
    """Read from a table, or computed by a formula."""

    @property
    def is_measured(self) -> bool:
        """Whether the error is what it stands for; if not, it is an estimate of that, with an interval."""
        return self in (Fidelity.TRAINED, Fidelity.LOOKED_UP)
