"""Estimates corrected by a regression on a few short training runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evonas.evaluation.estimator import Estimator
from evonas.evaluation.job import Job, Outcome
from evonas.spaces.genome import Genome, to_text
from surrogates.correction import Correction


class Corrected(Estimator):
    """Corrects the errors of another estimator; what that one measured is kept as ``raw_error``.

    Args:
        estimator: The other estimator.
        correction: From its losses to errors.
        trained: Losses of networks that were trained for a short while, by genome in text form; they need no
            correction.
    """

    def __init__(self, estimator: Estimator, correction: Correction, trained: Mapping[str, float]) -> None:
        self.estimator, self.correction, self.trained = estimator, correction, trained
        self.policy, self.broadcast = estimator.policy, estimator.broadcast

    def job(self, genome: Genome) -> Job:
        """See :class:`Estimator`."""
        return self.estimator.job(genome)

    def finish(self, genome: Genome, outcome: Outcome) -> Outcome:
        """See :class:`Estimator`."""
        found, correction = outcome.values, self.correction
        if (loss := self.trained.get(to_text(genome))) is not None:
            error, log_sd = correction.errors_of(np.array([loss])), np.array([correction.error_noise])
        else:
            costs = np.array([[found[name] for name in correction.costs]])
            error, log_sd = correction.predict(np.array([found["loss"]]), costs)
        corrected = {"error": float(error[0]), "raw_error": found["error"], "error_log_sd": float(log_sd[0])}
        return outcome._replace(values={**found, **corrected})
