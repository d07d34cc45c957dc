"""What a run was started with: nothing of it may have changed when the run is resumed, trained from, or loaded."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evonas.config.load import RunConfig
from evonas.config.space import OwnSpaceConfig
from evonas.config.training import WITHOUT_EFFECT, TrainingConfig
from evonas.errors import RunFolderError
from evonas.files import file_hash
from evonas.plugins import is_path
from evonas.run.problems.problem import Problem
from evonas.version import __version__
from reports.run_folder.folder import RunFolder

PACKAGES = ("torch", "pymoo", "numpy", "scikit-learn")
Started = dict[str, dict[str, Any]]


def started_with(config: RunConfig, problem: Problem) -> Started:
    """What must not change in a run: settings (except [compute], [training] and name), files, space, images, versions.

    Files are the user's own, and those among a space's options; their content is hashed.
    """
    return {
        **settings_and_files(config),
        "measures": {"the list of measures": list(problem.measures.table)},
        "space": {"its genes and networks": problem.fingerprint()},
        "images": problem.images(),
        "versions": _versions(),
    }


def check_versions(run: RunFolder) -> None:
    """Make sure that packages are those that the run was started with, so that what is added to it is alike.

    Raises:
        RunFolderError: A version has changed.
    """
    check_started(run, {"versions": _versions()})


def _versions() -> dict[str, str]:
    return {"evonas": __version__, **{package: version(package) for package in PACKAGES}}


def settings_and_files(config: RunConfig) -> Started:
    """The part of :func:`started_with` that is known without running any of the user's files."""
    settings = config.model_dump(mode="json", exclude={"compute", "training", "name"})
    flat = {
        f"{section}.{key}": value
        for section, content in settings.items()
        for key, value in (content.items() if isinstance(content, dict) else [("", content)])
    }
    files = code_of(config)
    if isinstance(config.space, OwnSpaceConfig):
        files |= {value for value in config.space.options.values() if isinstance(value, str)}
    return {"settings": flat, "files": {file: file_hash(Path(file)) for file in sorted(files) if Path(file).is_file()}}


def code_of(config: RunConfig) -> set[str]:
    """Python files of the user's own that a run file names."""
    named = (*config.quantizers.model_dump().values(), *config.search.objectives, *config.search.constraints)
    return {name.rpartition(":")[0] for name in (*named, config.space.kind) if is_path(name)}


def signed_part(config: RunConfig) -> str:
    """What a run's signature is of: all that decides what code runs, and with what."""
    return json.dumps([settings_and_files(config), config.compute.scheduler], sort_keys=True)


def check_origin(config: RunConfig, *, signed: bool, where: Path) -> None:
    """Make sure that what a run file names may be loaded: code, and what is fetched from elsewhere.

    Args:
        config: The run file.
        signed: Whether it is known to be the user's own.
        where: Where it lies, for the message.

    Raises:
        RunFolderError: It names something, and may be anybody's.
    """
    named = sorted(code_of(config))
    named += [config.data.source] * config.data.source.startswith("hf:")
    named += [config.compute.scheduler] * bool(config.compute.scheduler)
    if named and not signed:
        raise RunFolderError(
            "a run that you started on this machine, or one whose code you trust",
            found=f"{where}, of unknown origin, which needs {', '.join(named)}",
            remedy="read that code; if you trust it, add --trust-code (in Python: may_run_code=True)",
        )


def identity(started: Started) -> str:
    """A hash that identifies a run; its supernets store it. It does not depend on versions and measures."""
    kept = {what: found for what, found in started.items() if what not in ("versions", "measures")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def check_started(run: RunFolder, current: Started) -> None:
    """Make sure that a run is still what it was when it was started.

    Args:
        run: The run.
        current: Parts of :func:`started_with`, as it is opened now.

    Raises:
        RunFolderError: One of them has changed; a mixture of two runs would be neither.
    """
    stored = run.facts().started_with
    for what, now in current.items():
        before = stored.get(what, {})
        if changed := [key for key in before if now.get(key) != before[key]]:
            raise RunFolderError(
                f"the {what} that the run was started with",
                found=f"another value for {', '.join(changed)}",
                remedy="change it back, or start a new run; a mixture of two runs would be neither",
            )


def check_recipe(run: RunFolder, config: RunConfig) -> None:
    """Make sure that a run which is resumed trains as it did: its trainings use the recipe under [training].

    Raises:
        RunFolderError: It changed.
    """
    before, now = (recipe.model_dump(exclude=set(WITHOUT_EFFECT)) for recipe in _recipes(run, config))
    changed = [key for key in now if now[key] != before[key]]
    if changed:
        raise RunFolderError(
            "the recipe under [training] that the run trains by",
            found=f"another value for {', '.join(changed)}",
            remedy="change it back until the run is complete; evonas train may use another one then",
        )


def _recipes(run: RunFolder, config: RunConfig) -> tuple[TrainingConfig, TrainingConfig]:
    return TrainingConfig(**run.settings["training"]), config.training
