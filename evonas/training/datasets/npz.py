"""An ``.npz`` file with ``images`` and ``labels``, and if it has a test set ``test_images`` and ``test_labels``.

Images are ``(n, height, width)`` or ``(n, height, width, channels)``, uint8 or floats within 0–1.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from evonas.errors import DataError
from evonas.training.datasets.arrays import Raw


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    return path.suffix == ".npz" and path.is_file()


def read(source: str) -> tuple[Raw, Raw | None]:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except PermissionError:
        raise
    except (OSError, ValueError, EOFError, TypeError, BadZipFile, zlib.error, RuntimeError) as error:
        wanted = "arrays of plain numbers" if "pickle" in str(error) else "a readable .npz file"
        raise DataError(
            f"{wanted} in {path}",
            found=(str(error).splitlines() or [type(error).__name__])[0],
            remedy="save it again with numpy.savez(path, images=..., labels=...)",
        ) from error
    pairs = [("images", "labels")] + [("test_images", "test_labels")] * any(name.startswith("test_") for name in arrays)
    if missing := [name for pair in pairs for name in pair if name not in arrays]:
        raise DataError(
            f"arrays named {' and '.join(name for pair in pairs for name in pair)} in {path}",
            found=f"{', '.join(arrays) or 'nothing'}; {' and '.join(missing)} missing",
            remedy="save it with numpy.savez(path, images=..., labels=...)",
        )
    parts = [(arrays[images], arrays[labels]) for images, labels in pairs]
    return parts[0], parts[1] if len(parts) == 2 else None
