"""Exports of many files, as a folder or a zip: one file among them lists the digests of all others and is sealed."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from evonas.errors import ExportError
from evonas.export.seal import REMEDY, Sealed, checked, read_sealed, seal, unsealed
from evonas.files import write_atomically

SEAL = "evonas.seal"
LINE = re.compile(rb"([0-9a-f]{64})  ((?:[\w.-]+/)*[\w-][\w.-]*)")
LARGEST = 2**28  # bytes that a zip may unpack to
YEAR = (1980, 1, 1, 0, 0, 0)  # the same files are the same zip


def sealed_files(files: Mapping[str, bytes], *, format_name: str, facts: Mapping[str, str]) -> dict[str, bytes]:
    """Files by path, with the one that seals them; its lines are those of ``sha256sum``."""
    lines = [f"# {unsealed(format_name, facts)}", *(f"{_digest(files[path])}  {path}" for path in sorted(files))]
    return {**files, SEAL: seal(("\n".join(lines) + "\n").encode())}


def read_export(path: Path) -> Sealed:
    """Read what was exported, a file, a folder or a zip, and check that it is whole.

    Of a folder, what its seal does not list is left aside, such as what a compiler put there.

    Raises:
        ExportError: There is nothing, it is not evonas', of another version, truncated or altered.
    """
    if path.is_dir():
        return _of_files(path, {found: (path / found).read_bytes() for found in _listed(path)})
    if (unzipped := _unzipped(path)) is not None:
        return _of_files(path, unzipped)
    try:
        return read_sealed(path)
    except ExportError as error:
        library = next((folder for folder in path.resolve().parents[:4] if (folder / SEAL).is_file()), None)
        if library is None or not path.is_file():
            raise
        raise ExportError(
            "an exported file, or a whole library",
            found=f"{path}, a file of the library in {library}",
            remedy=f"name its folder: {library}",
        ) from error


def write_files(files: Mapping[str, bytes], path: Path) -> None:
    """Write sealed files into a folder, or into a zip if the path ends in ``.zip``; complete or without its seal.

    Raises:
        ExportError: They cannot be written, or something else lies there, or files that were altered.
    """
    try:
        if path.suffix == ".zip":
            write_atomically(path, _zipped(files, path.stem))
            return
        if path.is_dir() and any(path.iterdir()):
            _remove_unaltered(path, files)
        _fill(path, files)
    except OSError as error:
        raise ExportError("a place to write the files to", found=str(error), remedy="change --out") from error


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _listed(folder: Path) -> list[str]:
    """Those of the files that a folder's seal lists which are there, and the seal."""
    found = folder / SEAL
    listed = LINE.findall(found.read_bytes()) if found.is_file() else []
    names = [SEAL, *(name.decode() for _, name in listed)]
    return [name for name in names if ".." not in name.split("/") and (folder / name).is_file()]


def _of_files(path: Path, files: Mapping[str, bytes]) -> Sealed:
    if SEAL not in files:
        raise ExportError(
            f"an exported library in {path}", found=f"no {SEAL} in it", remedy="check the path; " + REMEDY
        )
    sealed = checked(files[SEAL], path / SEAL)
    digests = {name.decode(): digest.decode() for digest, name in LINE.findall(sealed.raw)}
    missing = [name for name in digests if name not in files]
    altered = [name for name in digests if name in files and _digest(files[name]) != digests[name]]
    if missing or altered:
        found = [f"{name} is missing" for name in missing] + [f"{name} was altered" for name in altered]
        raise ExportError(f"{path} as it was exported", found="; ".join(found[:5]), remedy=REMEDY)
    return sealed._replace(files={name: files[name] for name in digests})


def _unzipped(path: Path) -> dict[str, bytes] | None:
    """The files below a zip's one folder; None if it is no zip of a library."""
    try:
        with zipfile.ZipFile(path) as archive:
            seals = [name for name in archive.namelist() if name.rpartition("/")[2] == SEAL]
            if len(seals) != 1 or sum(info.file_size for info in archive.infolist()) > LARGEST:
                return None
            root = seals[0].removesuffix(SEAL)
            names = [name for name in archive.namelist() if name.startswith(root) and not name.endswith("/")]
            return {name.removeprefix(root): archive.read(name) for name in names}
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError, zlib.error):
        return None  # is told apart as a file: not there, truncated, or not evonas'


def _zipped(files: Mapping[str, bytes], root: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in sorted(files.items()):
            info = zipfile.ZipInfo(f"{root}/{name}", YEAR)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, raw)
    return out.getvalue()


def _remove_unaltered(folder: Path, new: Mapping[str, bytes]) -> None:
    """Make room for a new export: nothing that somebody wrote or changed is lost."""
    try:
        old = read_export(folder)
        strange = [name for name in new if (folder / name).exists() and name not in (SEAL, *old.files)]
        if strange:
            raise ExportError("", found=f"{strange[0]}, which is not of the library that lies there", remedy="")
    except ExportError as error:
        raise ExportError(
            f"an empty folder, or an exported library as it was written, at {folder}",
            found=error.found,
            remedy="change --out or --name, or move what lies there",
        ) from error
    (folder / SEAL).unlink()
    for name in old.files:
        (folder / name).unlink()


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    if folder.is_dir():
        for name in sorted(files, key=lambda name: name == SEAL):  # without its seal it counts as not written
            write_atomically(folder / name, files[name])
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    try:
        for name, raw in files.items():
            write_atomically(partial / name, raw)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
