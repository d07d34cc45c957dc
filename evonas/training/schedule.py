"""The learning rate over a training: warm-up, constant part, cosine decay to zero; or several of these in turn."""

from __future__ import annotations

import math
from dataclasses import dataclass

WARMUP = 0.05
RISE, RISE_FROM = 0.3, 1 / 25  # of the one-cycle policy, as its author's library and torch have them


@dataclass(frozen=True)
class Schedule:
    """A training's length and learning rate, as plain numbers.

    Attributes:
        warm: Steps of the warm-up.
        turn: Steps after which the decay begins; at least ``warm``.
        end: Steps in all.
        first: Factor of the first step, from which the warm-up rises along half a cosine; 0: it rises linearly.
    """

    warm: int
    turn: int
    end: int
    first: float = 0.0

    def factor(self, done: int) -> float:
        """Factor on the learning rate of the step after ``done`` steps."""
        if done < self.warm:
            if self.first:
                return self.first + (1 - self.first) * 0.5 * (1 - math.cos(math.pi * done / self.warm))
            return (done + 1) / self.warm
        return 0.5 * (1 + math.cos(math.pi * max(0, done - self.turn) / max(1, self.end - self.turn)))


@dataclass(frozen=True)
class InTurn:
    """Schedules one after the other, as a training in stages has them.

    Attributes:
        parts: At least one.
    """

    parts: tuple[Schedule, ...]

    @property
    def end(self) -> int:
        """Steps in all."""
        return sum(part.end for part in self.parts)

    def factor(self, done: int) -> float:
        """Factor on the learning rate of the step after ``done`` steps."""
        for part in self.parts[:-1]:
            if done < part.end:
                return part.factor(done)
            done -= part.end
        return self.parts[-1].factor(done)


def cosine(steps: int, *, warmup: float = WARMUP) -> Schedule:
    """The usual schedule, without a constant part.

    Args:
        steps: Steps in all.
        warmup: Share of them with a rising learning rate.

    References:
        Loshchilov 2017, "SGDR: stochastic gradient descent with warm restarts", equation 5, without restarts.
    """
    warm = warm_up(steps, warmup)
    return Schedule(warm, warm, steps)


def warm_up(steps: int, share: float) -> int:
    """Steps of a warm-up that takes a share of all."""
    return max(1, round(share * steps))


def one_cycle(steps: int) -> Schedule:
    """One long rise and one long decay: high learning rates in the middle regularise, so that fewer steps are enough.

    Args:
        steps: Steps in all.

    References:
        Smith 2018, "Super-convergence: very fast training of neural networks using large learning rates"; with half
        cosines, as torch's OneCycleLR, but without its cycle of momentum.
    """
    warm = warm_up(steps, RISE)
    return Schedule(warm, warm, steps, first=RISE_FROM)
