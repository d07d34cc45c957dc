"""Export trained networks of a run, and compare exported files with the networks they came from."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from evonas.architecture.input_codes import InputCodes
from evonas.errors import EvonasError, ExportError, in_a_line
from evonas.export.bundle import read_export, write_files
from evonas.export.c.library.files import library_files
from evonas.export.c.options import COptions
from evonas.export.c.targets.simulate import Simulation, simulate
from evonas.export.closeness import Closeness, closeness
from evonas.export.format import Logits, Runner
from evonas.export.formats import known_format, opened, stored_bytes, write_file, written
from evonas.export.seal import Sealed
from evonas.nets.freeze import freeze
from evonas.nets.frozen import FrozenNetwork
from evonas.nets.integer_network import IntegerNetwork
from evonas.run.context import RunContext
from evonas.training.hardware import one_thread
from evonas.version import __version__
from evonas.workflows.trained import Trained, load_trained, recipe_of
from objectives.model_size import model_size
from reports.run_folder.folder import RunFolder

BATCH = 500
TIMED_CALLS = 50
TARGET_IMAGES = 20  # simulators are slow
LEAST_AGREEMENT = 0.999  # of predictions; what lies between this and 1 are rounding ties
LEAST_CLOSE = 0.99  # where a format lets codes be off by one


@dataclass(frozen=True)
class Verification:
    """What running an exported file showed.

    Attributes:
        format: Its name.
        images: Test images that it was run on.
        closeness: Its logits beside those of the torch network that the run's weights freeze to.
        agreement: Share of images with the same prediction as that network.
        trained_agreement: The same compared with the network as it was trained, whose sums are of floats.
        accuracy: Of the file on these images, 0 to 1.
        file_bytes: Its size.
        layers: A row per convolution: ``layer``, ``stored`` (bytes in the file; empty where formats mix them with
            others) and ``model_size`` (what the objective counts).
        milliseconds: Median of one image alone in its runtime, the call included.
        torch_milliseconds: The same of the trained network in torch, one thread.
    """

    format: str
    images: int
    closeness: Closeness
    agreement: float
    trained_agreement: float
    accuracy: float
    file_bytes: int
    layers: pd.DataFrame
    milliseconds: float
    torch_milliseconds: float

    @property
    def difference(self) -> float:
        """Largest difference of a logit to that of the torch network."""
        return self.closeness.difference

    @property
    def is_sound(self) -> bool:
        """Whether the file predicts what the network predicts, and stores what the objective counts."""
        stored, least = self.layers["stored"], LEAST_AGREEMENT if known_format(self.format).is_exact else LEAST_CLOSE
        return self.agreement >= least and bool((stored.isna() | (stored == self.layers["model_size"])).all())


def frozen_network(run: RunFolder, evaluation: int, trained: Trained, *, seed: int, codes: InputCodes) -> FrozenNetwork:
    """A trained network in frozen form, with where it comes from.

    Raises:
        ExportError: A quantizer of one's own does not say how it works at inference.
    """
    facts = {
        "run": run.settings["name"],
        "network": str(evaluation),
        "seed": str(seed),
        "genome": trained.genome,
        "weights": trained.weights,
        **trained.facts,
        **run.facts().expects,
        **_preparation(run.settings["data"]),
        "evonas": __version__,
    }
    return freeze(trained.network, codes=codes, facts=facts)


def _preparation(data: Mapping[str, Any]) -> dict[str, str]:
    """How images were made of what a data set holds, which a device must do as well."""
    told = []
    if data.get("size", "auto") != "auto":
        told.append(f"brought to {'x'.join(map(str, data['size']))} pixels (height x width), fit = {data['fit']}")
    if data.get("pool", 1) > 1:
        told.append("squares of {0}x{0} pixels averaged into one".format(data["pool"]))
    return {"preprocessing": ", then ".join(told)} if told else {}


def export_picks(
    run: RunFolder,
    context: RunContext,
    picks: pd.DataFrame,
    *,
    format_name: str,
    seed: int = 0,
    recipe: str = "",
    out: Path | None = None,
    name: str = "",
    package: str = "",
    input_layout: str = "",
) -> Iterator[Path]:
    """Export trained networks.

    Args:
        run: Where they come from.
        context: What it works with.
        picks: Rows of its front.
        format_name: See :data:`evonas.export.formats.FORMATS`.
        seed: Of the training.
        recipe: Hash of its recipe, if several trainings had this seed.
        out: A file for one network; by default ``exports/ID-seedSEED-RECIPE`` with the format's suffix, in the run's
            folder. RECIPE is ``search`` where the search itself trained it. Of C that does not end in ``.c``: the
            folder or the ``.zip`` of a library, by default ``exports/NAME``.
        name: Of C: prefix of all its names, by default ``netID``; with it C is a library, unless ``out`` is a file.
        package: Of C: a key of :data:`evonas.export.c.options.PACKAGES`; with it C is a library.
        input_layout: Of C: a key of :data:`evonas.export.c.options.LAYOUTS`, by default ``chw``.

    Yields:
        Each file's path.

    Raises:
        ExportError: The format or a choice is unknown, several networks shall go into one file, or something else lies
            where a library shall go.
        SelectionError: A network was not trained with this seed, neither by ``evonas train`` nor by the search; then
            none is exported.
    """
    suffix = known_format(format_name).suffix
    if out is not None and len(picks) > 1:
        raise ExportError(
            "one network for --out", found=f"{len(picks)} networks", remedy="leave --out out, or pick one network"
        )
    kind = library_kind(format_name, package, input_layout, name=name, out=out)
    if name and len(picks) > 1:
        raise ExportError(
            "one network for --name", found=f"{len(picks)} networks", remedy="leave --name out, or pick one network"
        )
    ids = picks["id"].tolist()
    loaded = [load_trained(run, context, evaluation, seed=seed, recipe=recipe) for evaluation in ids]
    for evaluation, trained in zip(ids, loaded, strict=True):
        frozen = frozen_network(run, evaluation, trained, seed=seed, codes=context.dataset.codes)
        path = out or run.path / "exports" / f"{evaluation}-seed{seed}-{trained.recipe}{suffix}"
        if format_name == "c":
            options = COptions(name or f"net{evaluation}" + f"_seed{seed}" * (seed > 0), input_layout or "chw", kind)
            frozen = replace(frozen, facts={**frozen.facts, **options.facts})
            path = out or (run.path / "exports" / options.name if kind else path)
        if kind:
            write_files(library_files(frozen, images=context.dataset.heldout.images.numpy()), path)
        else:
            write_file(frozen, path, format_name=format_name)
        yield path


def library_kind(format_name: str, package: str, input_layout: str, *, name: str = "", out: Path | None = None) -> str:
    """The kind of library that is asked for; "": a file.

    Raises:
        ExportError: The format is another one than C, or a library shall be one file.
    """
    asked = {"--name": name, "--package": package, "--input-layout": input_layout}
    given = [option for option, value in asked.items() if value]
    if format_name != "c":
        if given:
            raise ExportError(
                f"--format c for {', '.join(given)}", found=f"--format {format_name}", remedy="say --format c"
            )
        return ""
    if out is not None and out.suffix in (".h", ".hpp", ".cc", ".cpp", ".ino"):
        raise ExportError("a file .c, a folder or a .zip for --out", found=str(out), remedy="change --out")
    if out is not None and out.suffix == ".c":
        if package:
            raise ExportError(
                f"a folder or a .zip for --package {package}",
                found=f"--out {out}",
                remedy="leave --package out for a single file, or change --out",
            )
        return ""
    return package or "plain" * bool(name or out)


def verify(path: Path, run: RunFolder, context: RunContext, *, images: int | None = None) -> Verification:
    """Run an exported file in its own runtime on a run's test images, beside the network that it came from.

    Args:
        path: The file.
        run: The run that it came from.
        context: What it works with.
        images: How many test images; all of them by default.

    Raises:
        ExportError: The file is damaged or not of this run, its runtime is missing, or a C file is not evonas' own.
        SelectionError: The run has no such training.
    """
    sealed, trained, frozen = _origin(path, run, context)
    test = context.dataset.test
    with _told(path):
        runner = opened(sealed)
    part = test.taken(np.arange(len(test))[:images])
    numbers, labels = test.codes.decode(part.images.numpy()), part.labels.numpy()
    exact = IntegerNetwork(frozen)

    def as_trained(numbers: NDArray[Any]) -> Logits:
        codes = torch.from_numpy(test.codes.encode(numbers))
        logits: Logits = trained.network(codes.float() / test.codes.per_one).numpy()
        return logits

    with one_thread(), torch.no_grad():
        expected = _in_batches(lambda part: exact(torch.from_numpy(part)).numpy(), numbers)
        in_training = _in_batches(as_trained, numbers)
        with _told(path):
            found = _in_batches(runner, numbers)
            if found.shape != expected.shape:
                raise ValueError(f"logits of shape {found.shape}, not {expected.shape}")
            milliseconds = _milliseconds(runner, numbers[:1])
        torch_milliseconds = _milliseconds(as_trained, numbers[:1])
    with _told(path):
        stored = stored_bytes(sealed)
    predicted = found.argmax(axis=1)
    return Verification(
        sealed.format,
        images=len(numbers),
        closeness=closeness(found, expected, frozen),
        agreement=float((predicted == expected.argmax(axis=1)).mean()),
        trained_agreement=float((predicted == in_training.argmax(axis=1)).mean()),
        accuracy=float((predicted == labels).mean()),
        file_bytes=sealed.n_bytes,
        layers=_layer_bytes(frozen, stored),
        milliseconds=milliseconds,
        torch_milliseconds=torch_milliseconds,
    )


def verify_on_target(
    path: Path, run: RunFolder, context: RunContext, *, target: str, images: int = TARGET_IMAGES
) -> Simulation:
    """Compile exported C for a microcontroller, run it in a simulator on test images, beside the network it came from.

    Args:
        path: The file, or the folder or zip of a library.
        run: The run that it came from.
        context: What it works with.
        target: See :data:`evonas.export.c.targets.target.TARGETS`.
        images: How many test images.

    Raises:
        ExportError: As of :func:`verify`; or it is no C, a tool is missing, or it does not fit or run there.
        SelectionError: The run has no such training.
    """
    sealed, _, frozen = _origin(path, run, context)
    if sealed.format != "c":
        raise ExportError(
            "C for --target", found=f"{path} is of the format {sealed.format}", remedy="export it with --format c"
        )
    test = context.dataset.test
    numbers = test.codes.decode(test.images[:images].numpy())
    return simulate(frozen, target, numbers, test_images=context.dataset.heldout.images.numpy())


def _origin(path: Path, run: RunFolder, context: RunContext) -> tuple[Sealed, Trained, FrozenNetwork]:
    """A checked file with the training and the network that it came from; C is what evonas writes for it."""
    sealed = read_export(path)
    try:
        evaluation, seed, weights = int(sealed.facts["network"]), int(sealed.facts["seed"]), sealed.facts["weights"]
    except (KeyError, ValueError) as error:
        raise ExportError(
            "a file that says which network it is", found=f"{path} does not", remedy="export it with evonas export"
        ) from error
    trained = load_trained(run, context, evaluation, seed=seed, recipe=recipe_of(weights))
    if (trained.genome, trained.weights) != (sealed.facts.get("genome"), weights):
        raise ExportError(
            f"a file that was exported from {run.path}", found="another run's network", remedy="say whose: --run FOLDER"
        )
    frozen = frozen_network(run, evaluation, trained, seed=seed, codes=context.dataset.codes)
    if sealed.format == "c":
        frozen = replace(frozen, facts=sealed.facts)
        if not _is_own(sealed, frozen, images=context.dataset.heldout.images.numpy()):
            raise ExportError(  # to run a C file is to run whatever it says
                f"the C that evonas writes for network {evaluation}",
                found=f"other code in {path}; it is not run",
                remedy="export it again with this version of evonas",
            )
    return sealed, trained, frozen


def _is_own(sealed: Sealed, frozen: FrozenNetwork, *, images: NDArray[Any]) -> bool:
    """Whether C is, to the byte, what evonas writes for a network."""
    if not COptions.of(sealed.facts).package:
        return not sealed.files and sealed.raw == written(frozen, "c")
    wanted = library_files(frozen, images=images)
    return dict(sealed.files) == {name: raw for name, raw in wanted.items() if raw != sealed.raw} and (
        sealed.raw in wanted.values()
    )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Whatever a runtime trips over is a fault of the file: each has errors of its own, of no common class.

    Raises:
        ExportError: It tripped.
    """
    try:
        yield
    except (EvonasError, OSError, MemoryError):
        raise
    except Exception as error:
        raise ExportError(
            f"a network in {path} that its runtime runs", found=in_a_line(error), remedy="export it again"
        ) from error


def _layer_bytes(frozen: FrozenNetwork, stored: dict[str, int]) -> pd.DataFrame:
    counted = {layer.name: int(model_size([layer])) for layer in frozen.architecture.layers}
    counted = {name: size for name, size in counted.items() if size}
    rows = [(name, stored.get(name), size) for name, size in counted.items()]
    return pd.DataFrame(rows, columns=["layer", "stored", "model_size"])


def _in_batches(run: Runner, images: NDArray[Any]) -> Logits:
    return np.concatenate([run(images[start : start + BATCH]) for start in range(0, len(images), BATCH)])


def _milliseconds(run: Runner, images: NDArray[Any]) -> float:
    """Median time of one call, over ``TIMED_CALLS`` calls or as many as fit into a second."""
    run(images)
    times: list[float] = []
    while len(times) < TIMED_CALLS and sum(times) < 1:
        start = time.perf_counter()
        run(images)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)
