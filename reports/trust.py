"""How far a run's estimates can be trusted, as a plain table and plain sentences."""

from __future__ import annotations

import pandas as pd

from reports.run_folder import RunFolder


def trust_table(run: RunFolder) -> pd.DataFrame:
    """What ``evonas trust`` measured, ready to print; the run must hold it.

    Returns:
        One row a way of ranking: its name, then as texts tau, tau among near sizes, rho and regret.
    """
    rows = []
    for row in run.meta("trust")["table"]:
        near = (
            f"{row['near_tau']:.2f} [{row['near_low']:.2f}, {row['near_high']:.2f}]"
            if row["near_pairs"]
            else "no pairs"
        )
        rows.append(
            {
                "ranking by": row["score"],
                "tau [95 %]": f"{row['tau']:.2f} [{row['low']:.2f}, {row['high']:.2f}]",
                "tau, near sizes [95 %]": near if row["near_pairs"] else "no pairs",
                "rho": f"{row['rho']:.2f}",
                "regret of best 3": f"{100 * row['regret']:.2f} %",
            }
        )
    return pd.DataFrame(rows)


def trust_note(run: RunFolder) -> str:
    """What the table's numbers are, in short sentences."""
    trust = run.meta("trust")
    pairs = trust["table"][0]["near_pairs"]
    return (
        f"{trust['networks']} networks of all sizes, each trained from scratch {trust['seeds']} times, "
        f"{trust['epochs']} epochs, and measured on images left out. Near: {pairs} pairs within a factor of 1.4 "
        "in bytes. Intervals resample networks. Another training: one seed against the others."
    )


def how_errors_came(run: RunFolder) -> str:
    """What the errors of this run are, in a sentence or two."""
    estimate = run.settings.get("estimate", {})
    if run.meta("table") or not estimate:
        return "Errors are looked up."
    if estimate["method"] == "short-training":
        return f"Errors are held-out, after a training of {estimate['steps']} updates."
    text = "Errors are held-out, with weights inherited from the supernet"
    if estimate["tuning_steps"]:
        text += f" and tuned for {estimate['tuning_steps']} updates"
    correction = run.meta("correction of inherited")
    return text + (f", corrected by {correction['n']} brief trainings." if correction else ".")
