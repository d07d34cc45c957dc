"""Claim: an exported file predicts what its network predicts on every test image, in every format, in its own runtime.

Networks of finished searches, evenly taken from their fronts by size, in both kinds of search space and with all
precisions mixed: each is trained, exported in every format, and run on the whole test set beside the torch network that
its weights freeze to. The packed ONNX file must also hold, layer by layer, the bytes that model_size counts.

    python benchmarks/export_parity.py [--runs RUN ...] [--networks 10] [--epochs 10] [--quick] [--json FILE]

Without --runs it makes two short searches on the digits, of cells and of residual networks.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from report import write_report

import evonas
from evonas.architecture.precision import PRECISIONS
from evonas.errors import ExportError
from evonas.export.formats import FORMATS
from evonas.workflows.run_handle import Run, open_run

BARS = {"c": 0.999} | {name: 0.99 for name, form in FORMATS.items() if not form.is_exact}
"""Of predictions that agree; 1 for the others."""
MOST = 1e-4  # difference of logits, in formats that are exact
LOW_BITS = [name for name in PRECISIONS if name != "float"]


def searched(folder: Path, kind: str, *, quick: bool) -> Run:
    """A short search of one space."""
    overrides: dict[str, Any] = {
        "space": {"kind": kind, "weight_precisions": LOW_BITS, "act_precisions": LOW_BITS},
        "supernet": {"steps": 100 if quick else 1000},
        "search": {"budget": 60 if quick else 300, "has_baseline": False, "predictors": [], "trainings": 0},
        "estimate": {"anchors": 0},
    }
    return evonas.search(out=folder, overrides=overrides)


def checked(run: Run, *, networks: int, epochs: int) -> list[dict[str, Any]]:
    """One row per network and format."""
    front = run.front().sort_values("model_size")
    chosen = front["id"].iloc[np.unique(np.linspace(0, len(front) - 1, networks).round().astype(int))]
    which = ",".join(map(str, chosen))
    run.train(which, epochs=epochs)
    rows = []
    for evaluation in chosen:
        ops = run.load(evaluation).active.ops
        used = {precision.name for op in ops if op.kind == "conv" for precision in (op.weight, op.act)}
        for form in FORMATS:
            try:
                (path,) = run.export(str(evaluation), format_name=form)
            except ExportError:
                if form == "openvino":  # not installed, or no layer of this network can run in bits
                    continue
                raise
            found = run.verify(path)
            stored = found.layers["stored"]
            rows.append(
                {
                    "space": run.folder.settings["space"]["kind"],
                    "network": evaluation,
                    "precisions": used,
                    "format": form,
                    "images": found.images,
                    "agreement": found.agreement,
                    "difference": found.difference,
                    "as trained": found.trained_agreement,
                    "bytes": int(found.layers["model_size"].sum()),
                    "stored as counted": bool((stored == found.layers["model_size"]).all()),
                    "around": found.file_bytes - int(stored.sum()) if stored.notna().all() else float("nan"),
                    "file": found.file_bytes,
                    "ms": found.milliseconds,
                }
            )
    return rows


def _difference_bar(form: str, difference: float) -> tuple[str, bool]:
    """Target and whether it holds; none where a code may be off by one."""
    return (f"<= {MOST}", difference <= MOST) if FORMATS[form].is_exact else ("", True)


def main() -> None:
    """Check every network, print one table per format, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", help="finished searches; they are copied, not changed")
    parser.add_argument("--networks", type=int, default=10, help="of each run")
    parser.add_argument("--epochs", type=int, default=10, help="of each training")
    parser.add_argument("--quick", action="store_true", help="two networks a run, one epoch, shorter searches")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    networks, epochs = (2, 1) if options.quick else (options.networks, options.epochs)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        if options.runs:
            runs = [open_run(Path(shutil.copytree(path, Path(name) / path.name))) for path in options.runs]
        else:
            runs = [searched(Path(name) / kind, kind, quick=options.quick) for kind in ("cells", "residual")]
        for run in runs:
            rows += checked(run, networks=networks, epochs=epochs)
    table = pd.DataFrame(rows)
    used = set().union(*table["precisions"])
    n = table["network"].nunique()
    sizes = f"{table['bytes'].min():,} to {table['bytes'].max():,} bytes"
    print(f"{n} networks, {sizes}, precisions {', '.join(sorted(used))}")
    by_format = table.groupby("format", sort=False)
    shown = by_format.agg(
        networks=("network", "size"),
        images=("images", "max"),
        least_agreement=("agreement", "min"),
        largest_difference=("difference", "max"),
        least_agreement_as_trained=("as trained", "min"),
        stored_as_counted=("stored as counted", "all"),
        around_median=("around", "median"),
        ms_median=("ms", "median"),
    )
    print(shown.to_string())
    results = [{"name": "networks", "value": n, "unit": "", "target": ">= 20", "holds": n >= 20}]
    for form, row in shown.iterrows():
        agreed, difference = float(row["least_agreement"]), float(row["largest_difference"])
        bar = BARS.get(str(form), 1.0)
        lines = [
            ("least share of predictions that agree", agreed, f">= {bar}", agreed >= bar),
            ("largest difference of logits", difference, *_difference_bar(str(form), difference)),
        ]
        if FORMATS[str(form)].stored:
            is_equal = bool(row["stored_as_counted"])
            lines.append(("bytes stored are those counted, layer by layer", float(is_equal), "1", is_equal))
        for what, value, target, holds in lines:
            results.append({"name": f"{form}: {what}", "value": value, "unit": "", "target": target, "holds": holds})
    table["precisions"] = table["precisions"].map(sorted)
    write_report(options.json, __doc__, results=results, quick=options.quick, networks=table.to_dict("records"))


if __name__ == "__main__":
    main()
