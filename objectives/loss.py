"""Cross-entropy of a network on held-out images, as it is estimated before any correction."""

from __future__ import annotations

from objectives.objective import Objective

LOSS = Objective(name="loss", unit="nats", title="held-out loss, uncorrected")
