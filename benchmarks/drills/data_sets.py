"""Data sets of every form with damaged, missing and odd files: read, told, or left out with a word."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import tomli_w
from PIL import Image

from drills.damage import damaged
from drills.harness import command

N = 40


def _npz(folder: Path, rng: np.random.Generator) -> str:
    np.savez(folder / "x.npz", images=_images(rng), labels=np.arange(N) % 2)
    return "x.npz"


def _npy(folder: Path, rng: np.random.Generator) -> str:
    (folder / "set").mkdir()
    np.save(folder / "set" / "images.npy", _images(rng))
    np.save(folder / "set" / "labels.npy", np.arange(N) % 2)
    return "set"


def _csv(folder: Path, rng: np.random.Generator) -> str:
    rows = ["label,a,b,c", *(f"{i % 2},{','.join(map(str, rng.integers(0, 9, 3)))}" for i in range(N))]
    (folder / "x.csv").write_text("\n".join(rows), encoding="utf-8")
    return "x.csv"


def _idx(folder: Path, rng: np.random.Generator) -> str:
    (folder / "set").mkdir()
    for split in ("train", "t10k"):
        images = struct.pack(">4BIII", 0, 0, 8, 3, N, 8, 8) + _images(rng).tobytes()
        (folder / "set" / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        labels = struct.pack(">4BI", 0, 0, 8, 1, N) + bytes([0, 1] * (N // 2))
        (folder / "set" / f"{split}-labels-idx1-ubyte").write_bytes(labels)
    return "set"


def _cifar(folder: Path, rng: np.random.Generator) -> str:
    (folder / "set").mkdir()
    for name in (*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"):
        rows = rng.integers(0, 256, (10, 3073), dtype=np.uint8)
        rows[:, 0] = np.arange(10)
        (folder / "set" / name).write_bytes(rows.tobytes())
    return "set"


def _pictures(folder: Path, rng: np.random.Generator) -> str:
    for name in ("a", "b"):
        (folder / "set" / name).mkdir(parents=True)
        for i, image in enumerate(_images(rng)[:12]):
            kind = ("png", "jpg", "bmp", "gif", "tif")[i % 5]
            Image.fromarray(image).save(folder / "set" / name / f"{i}.{kind}")
    return "set"


def _recordings(folder: Path, rng: np.random.Generator) -> str:
    for name in ("a", "b"):
        (folder / "set" / name).mkdir(parents=True)
        for i in range(8):
            with wave.open(str(folder / "set" / name / f"{i}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", "none"))
                file.writeframes(rng.integers(-999, 999, 2000, dtype=np.int16).tobytes())
    return "set"


def _images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (N, 8, 8), dtype=np.uint8)


FORMS: tuple[Callable[[Path, np.random.Generator], str], ...] = (
    *(_npz, _npy, _csv, _idx, _cifar, _pictures, _recordings),
)


class DataSets:
    """Each is read as ``evonas spaces`` reads it."""

    name, full, quick = "data sets", 700, 28

    def __init__(self, home: Path) -> None:
        self.home = home

    def case(self, number: int, rng: Random) -> list[str]:
        """See :class:`drills.harness.Part`."""
        folder = self.home / str(number)
        folder.mkdir()
        form = FORMS[number % len(FORMS)]
        source = folder / form(folder, np.random.default_rng(number))
        files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
        for victim in rng.sample(files, k=min(len(files), rng.choice((1, 1, 3)))):
            self._spoil(victim, rng)
        data = {"source": str(source), "skip_damaged": rng.random() < 0.5}
        if source.suffix == ".csv":
            data["axes"] = "features"
        (folder / "run.toml").write_text(tomli_w.dumps({"data": data}), encoding="utf-8")
        ended = command("spaces", folder / "run.toml", cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)
        return [f"{fault} ({form.__name__})" for fault in ended.faults]

    def _spoil(self, path: Path, rng: Random) -> None:
        deed = rng.randrange(12)
        if deed < 6:
            path.write_bytes(damaged(path.read_bytes(), rng))
            return
        path.unlink()
        if deed == 6:
            os.mkfifo(path)
        elif deed == 7:
            path.symlink_to("/dev/zero")
        elif deed == 8:
            path.mkdir()
        elif deed == 9:
            path.with_name(os.fsdecode(b"\xff\x1b[2J") + path.suffix).write_bytes(b"")
        elif deed == 10:
            objects = io.BytesIO()
            np.savez(objects, images=np.array([object()], dtype=object), labels=np.arange(1))
            path.write_bytes(objects.getvalue())
