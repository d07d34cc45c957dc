"""Share of held-out images that a network gets wrong."""

from __future__ import annotations

from objectives.objective import Objective

ERROR = Objective(
    name="error",
    unit="",
    title="held-out error",
    measure=None,
    is_log=False,
    display=lambda value: f"{100 * value:.2f} %",
)
