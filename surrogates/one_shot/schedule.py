"""The learning rate over a training: linear warm-up, a constant part, half a cosine down to zero."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A training's length and learning rate, as plain numbers.

    Attributes:
        warm: Updates of the warm-up.
        turn: Updates after which the decay begins; at least ``warm``.
        end: Updates in all.
    """

    warm: int
    turn: int
    end: int

    def factor(self, done: int) -> float:
        """Factor on the learning rate of the update after ``done`` updates."""
        if done < self.warm:
            return (done + 1) / self.warm
        return 0.5 * (1 + math.cos(math.pi * max(0, done - self.turn) / max(1, self.end - self.turn)))


def cosine(steps: int, *, warmup: float) -> Schedule:
    """The usual schedule, without a constant part.

    Args:
        steps: Updates in all.
        warmup: Share of them with a rising learning rate.

    References:
        Loshchilov 2017, "SGDR: stochastic gradient descent with warm restarts", equation 5, without restarts.
    """
    warm = warm_up(steps, warmup)
    return Schedule(warm, warm, steps)


def warm_up(steps: int, share: float) -> int:
    """Updates of a warm-up that takes a share of all."""
    return max(1, round(share * steps))
