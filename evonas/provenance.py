"""What a run was started with, so that it stays itself when it is resumed, trained from, or loaded."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evonas import __version__
from evonas.config import RunConfig
from evonas.errors import RunFolderError
from evonas.plugins import is_path
from evonas.training.data import Data
from reports.run_folder import RunFolder


def started_with(config: RunConfig, data: Data | None) -> dict[str, dict[str, Any]]:
    """What a run must keep to stay itself: settings, images, versions. Work, recipe and name may change.

    The content of a user's own files belongs to the settings.
    """
    settings = config.model_dump(mode="json", exclude={"compute", "training", "name"})
    flat = {
        f"{section}.{key}": value
        for section, content in settings.items()
        for key, value in (content.items() if isinstance(content, dict) else [("", content)])
    }
    named = (*config.quantizers.model_dump().values(), *config.search.objectives, *config.search.constraints)
    files = {name.rpartition(":")[0] for name in (*named, config.space.kind) if is_path(name)}
    packages = ("torch", "pymoo", "numpy")
    return {
        "settings": flat | {file: file_hash(Path(file)) for file in files if Path(file).is_file()},
        "images": {} if data is None else {"images": data_hash(data)},
        "versions": {"evonas": __version__, **{package: version(package) for package in packages}},
    }


def check_unchanged(run: RunFolder, config: RunConfig, data: Data | None) -> None:
    """Make sure that a run is still what it was started as.

    Raises:
        RunFolderError: Settings, images or package versions are others; a mixture of two runs would be neither.
    """
    current = started_with(config, data)
    for what, before in run.meta("started_with").items():
        changed = [key for key in before if current[what].get(key) != before[key]]
        if changed:
            raise RunFolderError(
                f"the {what} that the run was started with",
                found=f"another value for {', '.join(changed)}",
                remedy="change it back, or start a new run; a mixture of two runs would be neither",
            )


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
