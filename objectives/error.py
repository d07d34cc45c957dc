"""Share of held-out images that a network gets wrong."""

from __future__ import annotations

from objectives.objective import Objective

ERROR = Objective(name="error", unit="share", title="held-out error", is_log=False)
