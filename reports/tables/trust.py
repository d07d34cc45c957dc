"""How far a run's estimates can be trusted, as a plain table and plain sentences."""

from __future__ import annotations

import pandas as pd

from objectives import Fidelity
from reports.run_folder.facts import TrustFacts
from reports.run_folder.folder import RunFolder
from reports.tables.front import MEASURED, front_table


FIDELITY_TEXTS = {
    Fidelity.INHERITED: "the supernet's weights",
    Fidelity.BRIEF: "a short training",
    Fidelity.PARTIAL: "the beginning of a training",
    Fidelity.TRAINED: "trained",
    Fidelity.LOOKED_UP: "looked up",
}


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
    """What the errors of this run's front are, in a sentence or two, computed from the run."""
    facts = run.facts()
    if facts.is_table or "error" not in run.measures:
        return "Errors are looked up." if facts.is_table else ""
    front = front_table(run)
    epochs = run.settings["training"]["epochs"]
    if len(front) and front["fidelity"].isin(MEASURED).all():
        return f"Errors are measured: each network was trained for {epochs} epochs, and tried on held-out images."
    text = f"Errors are estimates of what {epochs} epochs of training would reach on held-out images"
    known = next(iter(facts.estimates.values()), None)
    if known is None or not known.n:
        return f"{text}; nothing was trained that they could rest on."
    return f"{text}; they rest on {known.n} trainings."


def estimate_sentence(run: RunFolder) -> str:
    """How good estimates of networks that were left out are, in a sentence; empty where nothing is known of it."""
    parts = []
    for fidelity, known in run.facts().estimates.items():
        if known.factor is not None and known.within is not None:
            way = FIDELITY_TEXTS[fidelity] if known.is_used else "costs alone"
            parts.append(
                f"from {way}, half of the estimates are within a factor of {known.factor:.2f} of what is measured, "
                f"{known.within:.0%} of the measurements inside their interval ({known.n} networks, left out in turn)"
            )
    return "; ".join(parts)


def _measured(run: RunFolder) -> TrustFacts:
    """What was measured, which must be there."""
    trust = run.facts().trust
    assert trust is not None
    return trust
