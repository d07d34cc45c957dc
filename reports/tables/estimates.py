"""What the errors of a run are, and how far its estimates can be trusted, as tables and sentences for people."""

from __future__ import annotations

import numpy as np
import pandas as pd

from objectives import Fidelity
from reports.run_folder.facts import TrustFacts
from reports.run_folder.folder import RunFolder
from reports.tables.front import is_measured

ERRORS = {"error": "Errors", "balanced_error": "Balanced errors", "macro_f1_error": "Macro F1 errors"}
WAYS = {
    Fidelity.INHERITED: "the supernet's weights",
    Fidelity.BRIEF: "a short training",
}


def chance(run: RunFolder) -> float | None:
    """What guessing reaches by the run's quality measure; None where values are looked up."""
    facts = run.facts()
    bounds = None if facts.is_table or run.quality is None else facts.bounds.get(run.quality)
    return None if bounds is None else bounds[1]


def how_errors_came(run: RunFolder) -> str:
    """What the errors of this run's front are, in a sentence."""
    facts = run.facts()
    if facts.is_table:
        return "Values are looked up or computed: nothing was trained."
    if run.quality is None:
        return "Values are counted: nothing was trained."
    epochs = run.settings.get("training", {}).get("epochs")
    length = f"for {epochs} epochs" if epochs else "by the whole recipe"
    errors = ERRORS[run.quality]
    if is_measured(run):
        return f"{errors} are measured: each network was trained {length}, then tried on held-out images."
    text = f"{errors} are estimates of what training {length} would reach on held-out images"
    known = next(iter(facts.estimates.values()), None)
    if known is None or not known.n:
        return f"{text}; nothing was trained that they could rest on."
    return f"{text}; they rest on {known.n} whole trainings."


def estimate_sentence(run: RunFolder) -> str:
    """How good estimates of networks that were left out are, in a sentence; empty where nothing is known of it."""
    parts = []
    for fidelity, known in run.facts().estimates.items():
        if known.factor is not None and known.within is not None:
            way = WAYS[fidelity] if known.is_used else "costs alone"
            parts.append(
                f"from {way}, half of the estimates are within a factor of {known.factor:.2f} of what is measured, and "
                f"{known.within:.0%} of the measurements inside their interval ({known.n} networks, left out in turn)"
            )
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]


def expectations_table(run: RunFolder) -> pd.DataFrame:
    """What was estimated of networks just before they were trained, and what was then measured; in order.

    Returns:
        Columns ``id``, ``genome``, ``expected``, ``low``, ``high`` and ``measured``, errors as shares; of what was
        trained successfully.
    """
    rows = [
        (score.genome, score.expected, score.expected_low, score.expected_high, score.quality)
        for score in run.scores()
        if score.fidelity == Fidelity.TRAINED and score.expected is not None and score.quality is not None
    ]
    table = pd.DataFrame(rows, columns=["genome", "expected", "low", "high", "measured"])
    ids = run.evaluations(columns=["id", "genome"]).drop_duplicates("genome").set_index("genome")["id"]
    table.insert(0, "id", table["genome"].map(ids))
    return table


def expectations_texts(run: RunFolder) -> pd.DataFrame:
    """The same, ready to print."""
    table = expectations_table(run)
    if table.empty or run.quality is None:
        return pd.DataFrame()
    error = run.measures[run.quality]
    spans = [
        f"{error.display(low)} to {error.display(high)}" for low, high in zip(table["low"], table["high"], strict=True)
    ]
    return pd.DataFrame(
        {
            "network": table["id"].astype(str),
            "estimated before": list(map(error.display, table["expected"])),
            "80 % interval": spans,
            "measured": list(map(error.display, table["measured"])),
        }
    )


def expectations_sentence(run: RunFolder) -> str:
    """How estimates and measurements agree, in a sentence; there must be some."""
    table = expectations_table(run)
    half_an_image = 0.5 / (run.facts().heldout_images or 10**6)  # none wrong is not impossible to get wrong
    measured = np.clip(table["measured"].to_numpy(dtype=float), half_an_image, chance(run) or 1.0)
    factor = float(np.exp(np.median(np.abs(np.log(table["expected"].to_numpy(dtype=float) / measured)))))
    within = int(((table["low"] <= measured) & (measured <= table["high"])).sum())
    return (
        f"Of {len(table)} networks that were trained in the end, half were estimated within a factor of {factor:.2f} "
        f"just before, and {within} were measured inside their interval."
    )


def error_texts(run: RunFolder, rows: pd.DataFrame) -> list[str]:
    """Errors as people read them: a measurement is a number, an estimate has its interval with it.

    Args:
        run: Whose measures, one of which counts as error.
        rows: With that one; with its interval where values are not looked up.
    """
    (low_name, high_name), display = run.interval, run.measures[run.leading].display
    if low_name not in rows:  # looked up
        return list(map(display, rows[run.leading]))
    return [
        display(error) if pd.isna(low) else f"≈ {display(error)} ({display(low)} to {display(high)})"
        for error, low, high in zip(rows[run.leading], rows[low_name], rows[high_name], strict=True)
    ]


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


def _measured(run: RunFolder) -> TrustFacts:
    """What was measured, which must be there."""
    trust = run.facts().trust
    assert trust is not None
    return trust
