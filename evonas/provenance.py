"""What a run was started with, so that it stays itself when it is resumed, trained from, or loaded."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evonas import __version__
from evonas.config import RunConfig
from evonas.config_space import OwnSpaceConfig
from evonas.config_training import TrainingConfig
from evonas.errors import RunFolderError
from evonas.measures import counted_early, looked_up
from evonas.plugins import is_path
from evonas.spaces import NetworkSpace, Space, TableSpace
from reports.run_folder import RunFolder

if TYPE_CHECKING:
    from evonas.training.data import Data

PROBES = 64  # genomes whose networks or results tell one space from another


def started_with(config: RunConfig, data: Data | None, space: Space) -> dict[str, dict[str, Any]]:
    """What a run must keep to stay itself: settings, space, images, versions. Work, recipe and name may change.

    The content of a user's own files belongs to the settings, and so does that of files among a space's options.
    """
    settings = config.model_dump(mode="json", exclude={"compute", "training", "name"})
    flat = {
        f"{section}.{key}": value
        for section, content in settings.items()
        for key, value in (content.items() if isinstance(content, dict) else [("", content)])
    }
    named = (*config.quantizers.model_dump().values(), *config.search.objectives, *config.search.constraints)
    files = {name.rpartition(":")[0] for name in (*named, config.space.kind) if is_path(name)}
    if isinstance(config.space, OwnSpaceConfig):
        files |= {value for value in config.space.options.values() if isinstance(value, str)}
    packages = ("torch", "pymoo", "numpy", "scikit-learn")
    return {
        "settings": flat | {file: file_hash(Path(file)) for file in sorted(files) if Path(file).is_file()},
        "space": {"its genes and networks": _space_hash(space)},
        "images": {} if data is None else {"images": data_hash(data)},
        "versions": {"evonas": __version__, **{package: version(package) for package in packages}},
    }


def check_unchanged(run: RunFolder, config: RunConfig, data: Data | None, space: Space) -> None:
    """Make sure that a run is still what it was started as.

    Raises:
        RunFolderError: Settings, space, images or package versions are others; a mixture would be neither.
    """
    current = started_with(config, data, space)
    for what, before in run.meta("started_with").items():
        changed = [key for key in before if current[what].get(key) != before[key]]
        if changed:
            raise RunFolderError(
                f"the {what} that the run was started with",
                found=f"another value for {', '.join(changed)}",
                remedy="change it back, or start a new run; a mixture of two runs would be neither",
            )


def check_recipe(run: RunFolder, config: RunConfig) -> None:
    """Make sure that a run which is gone on with estimates as it did: brief trainings use the recipe under [training].

    How long ``evonas train`` trains may change, and what only it makes use of.

    Raises:
        RunFolderError: Another part of the recipe changed.
    """
    before, now = (
        json.loads(recipe.brief_recipe) for recipe in (TrainingConfig(**run.settings["training"]), config.training)
    )
    changed = [key for key in now if key != "epochs" and now[key] != before[key]]
    if changed:
        raise RunFolderError(
            "the recipe under [training] that the run's estimates were made with",
            found=f"another value for {', '.join(changed)}",
            remedy="change it back until the run is complete; evonas train may use another one then",
        )


def _space_hash(space: Space) -> str:
    """Of the genes, and of what a few genomes mean; a space given as an object has no file to be hashed."""
    facts: list[object] = [space.genes]
    for genome in space.sample(np.random.default_rng(0), PROBES):
        if isinstance(space, TableSpace):
            facts.append(
                sorted((looked_up(space, genome).values if space.is_free else counted_early(space, genome)).items())
            )
        elif isinstance(space, NetworkSpace):
            facts.append(space.decode(genome).layers)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def data_hash(data: Data) -> str:
    """SHA-256 of all images and labels, split as they are, as hexadecimal text."""
    digest = hashlib.sha256()
    for split in (data.train, data.heldout, data.test):
        digest.update(split.images.numpy().tobytes())
        digest.update(split.labels.numpy().tobytes())
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
