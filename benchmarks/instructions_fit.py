"""Claim: instructions and flash of exported C follow from layers: within 5 % and in order, on networks not fitted to.

Random networks of all families of spaces, precisions, methods and sizes from 300 bytes to 60 kB are exported, compiled
and run in a simulator of each core: at -O2 for instructions, which are counted operation by operation, and linked at
-Os for flash. A model that is linear in the work of the kernels, without negative numbers, is fitted to some and judged
on others: the median error, and whether it ranks networks as measured (Kendall's tau).

    python benchmarks/instructions_fit.py [--fit 96] [--judge 48] [--rows FILE] [--quick] [--json FILE] [--write]

With --write the numbers replace ``objectives/device/fitted.json``. Rows are kept in --rows as they come; a run that was
ended goes on from there. After kernels have changed, begin a new file of rows. It needs the compilers and simulators
that ``evonas verify --target`` names.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from device.fitting import (
    Row,
    cross_validated,
    fit_flash,
    fit_instructions,
    flash_errors,
    instruction_errors,
)
from device.measuring import FAST, SMALL, encode_bytes, rows_of
from report import write_report
from scipy.stats import kendalltau

from objectives.device.cores import CORES

FITTED = Path(__file__).resolve().parents[1] / "objectives" / "device" / "fitted.json"
JUDGED_FROM = 1000  # seeds of networks that nothing is fitted to
LEAST_TAU, MOST_ERROR, MOST_FLASH_ERROR = 0.95, 0.05, 0.03


def fitted(rows: Sequence[Row]) -> dict[str, Any]:
    """What :func:`objectives.device.cores.fit_of` reads of a core."""
    errors = {
        name: np.median(np.abs(cross_validated(rows, fit, errors)))
        for name, fit, errors in (
            ("instructions", fit_instructions, instruction_errors),
            ("flash", fit_flash, flash_errors),
        )
    }
    facts = {
        "compiler": rows[0]["compiler"],
        "flags": rows[0]["flags"].replace(f" {FAST}", ""),
        "instructions at": FAST,
        "flash at": SMALL,
        "networks": str(len(rows)),
        "operations": str(sum(len(row["layers"]) for row in rows)),
        **{f"median error of {name}, cross-validated": f"{error:.2%}" for name, error in errors.items()},
    }
    flash = fit_flash(rows) | {"encode": encode_bytes(rows[0]["target"])}
    return {"facts": facts, "instructions": fit_instructions(rows), "flash": flash}


def judged(core: str, rows: Sequence[Row], fit: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines of the report, and a row for each network."""
    errors, of_flash = instruction_errors(rows, fit["instructions"]), flash_errors(rows, fit["flash"])
    counted = np.array([row["instructions"] for row in rows])
    tau, error = float(kendalltau(counted, counted * (1 + errors))[0]), float(np.median(np.abs(errors)))
    flash_error = float(np.median(np.abs(of_flash)))
    lines: list[dict[str, Any]] = [
        {"name": "networks", "value": len(rows), "unit": "", "target": ">= 40", "holds": len(rows) >= 40},
        _line("instructions, Kendall's tau", tau, "", target=f">= {LEAST_TAU}", holds=tau >= LEAST_TAU),
        _line("instructions, median error", 100 * error, "%", target="<= 5", holds=error <= MOST_ERROR),
        _line("instructions, 90 % of errors below", 100 * float(np.quantile(np.abs(errors), 0.9)), "%"),
        _line("instructions, largest error", 100 * float(np.abs(errors).max()), "%"),
        _line("flash, median error", 100 * flash_error, "%", target="<= 3", holds=flash_error <= MOST_FLASH_ERROR),
        _line("flash, largest error", 100 * float(np.abs(of_flash).max()), "%"),
    ]
    lines = [line | {"name": f"{CORES[core].title}: {line['name']}"} for line in lines]
    networks = [
        {
            "core": core,
            "network": row["seed"],
            "instructions": row["instructions"],
            "error": round(float(one), 4),
            "flash": row["flash"],
            "flash_error": round(float(other), 4),
        }
        for row, one, other in zip(rows, errors, of_flash, strict=True)
    ]
    return lines, networks


def _line(name: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "value": round(value, 3), "unit": unit, **more}


def main() -> None:
    """Measure what has not been measured, fit, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=int, default=96, help="networks to fit to")
    parser.add_argument("--judge", type=int, default=48, help="networks to judge on")
    parser.add_argument("--rows", type=Path, help="a file of rows that grows, JSON lines")
    parser.add_argument("--quick", action="store_true", help="ten networks each, one core")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true", help="replace the numbers of the cost model")
    options = parser.parse_args()
    n_fit, n_judged = (10, 10) if options.quick else (options.fit, options.judge)
    cores = dict(list(CORES.items())[:1]) if options.quick else CORES
    results, networks, fits = [], [], {}
    for core, facts in cores.items():
        rows = rows_of(range(n_fit), [facts.target], options.rows)
        fits[core] = fitted(rows)
        print(core, json.dumps(fits[core], indent=1))
        others = rows_of(range(JUDGED_FROM, JUDGED_FROM + n_judged), [facts.target], options.rows)
        lines, found = judged(core, others, fits[core])
        results += lines
        networks += found
        for line in lines:
            print(line, flush=True)
        wrong = [row["seed"] for row in (*rows, *others) if not row["is_sound"]]
        results.append({"name": f"{facts.title}: networks with wrong logits", "value": len(wrong), "unit": "",
                        "target": "0", "holds": not wrong})  # fmt: skip
    if options.write:
        FITTED.write_text(json.dumps(fits, indent=1) + "\n", encoding="utf-8")
    facts_of = {core: fit["facts"] for core, fit in fits.items()}
    write_report(options.json, __doc__, results=results, quick=options.quick, fits=facts_of, networks=networks)


if __name__ == "__main__":
    main()
