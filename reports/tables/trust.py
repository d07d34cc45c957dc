"""How far a run's estimates can be trusted, as a plain table and plain sentences."""

from __future__ import annotations

import pandas as pd

from reports.run_folder.facts import Origin, TrustFacts
from reports.run_folder.folder import RunFolder


def trust_texts(run: RunFolder) -> pd.DataFrame:
    """What ``evonas trust`` measured, ready to print; the run must hold it.

    Returns:
        One row per way of ranking: its name, then as texts tau, tau among near sizes, rho and regret.
    """
    rows = []
    for row in _measured(run).table:
        rows.append(
            {
                "ranking by": row["score"],
                "tau [95 %]": _with_interval(row["tau"], row["low"], row["high"]),
                "tau, near sizes [95 %]": _with_interval(row["near_tau"], row["near_low"], row["near_high"]),
                "rho": f"{row['rho']:.2f}",
                "regret of best 3": f"{100 * row['regret']:.2f} %",
            }
        )
    return pd.DataFrame(rows)


def _with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """None where there is no such number: what is not a number is stored as null."""
    if value is None:
        return "no pairs"
    return f"{value:.2f}" if low is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def trust_note(run: RunFolder) -> str:
    """What the table's numbers are, in short sentences."""
    trust = _measured(run)
    pairs = trust.table[0]["near_pairs"]
    return (
        f"{trust.networks} networks of all sizes, each trained from scratch {trust.seeds} times, "
        f"{trust.epochs} epochs, and measured on images left out. Near: {pairs} pairs within a factor of 1.4 "
        "in bytes. Intervals resample networks. Another training: one seed against the others."
    )


def how_errors_came(run: RunFolder) -> str:
    """What the errors of this run's front are, in a sentence or two."""
    facts, estimate = run.facts(), run.settings.get("estimate", {})
    if facts.is_table or not estimate:
        return "Errors are looked up."
    if estimate["method"] == "short-training":
        return f"Errors are held-out, after a training of {estimate['steps']} steps."
    text = "Errors are held-out, with weights inherited from the supernet"
    if facts.is_tuned:
        text += f" and tuned for {estimate['tuning_steps']} steps"
    correction = facts.corrections.get(Origin.INHERITED_TUNED if facts.is_tuned else Origin.INHERITED)
    is_corrected = correction is not None and correction.is_used
    return text + (f", corrected by {correction.n} short training runs." if correction and is_corrected else ".")


def _measured(run: RunFolder) -> TrustFacts:
    """What was measured, which must be there."""
    trust = run.facts().trust
    assert trust is not None
    return trust
