"""Cross-entropy of a network on held-out images: what an estimate ranks by where errors are too coarse."""

from __future__ import annotations

from objectives.objective import Objective

LOSS = Objective(name="loss", unit="nats", title="held-out loss")
