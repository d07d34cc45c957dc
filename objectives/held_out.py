"""What a network gets wrong on held-out images: the share of them, and the loss."""

from __future__ import annotations

from objectives.objective import Objective

ERROR = Objective(name="error", unit="share", title="held-out error", is_log=False)
"""Share of held-out images that a network gets wrong."""

LOSS = Objective(name="loss", unit="nats", title="held-out loss, uncorrected")
"""Cross-entropy of a network on held-out images, as it is estimated before any correction."""
