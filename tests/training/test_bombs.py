"""Data that would fill memory, wait without end or lead in circles are told before they do."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

import evonas.files
from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning
from evonas.training.datasets.forms import npz, table_files
from evonas.training.datasets.forms.folders import pictures, wav_folder
from evonas.training.datasets.readers import read

GB = 1 << 30


def header(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    """Of a .npy file whose data do not follow."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def labelled(path: Path, images: bytes) -> Path:
    labels = io.BytesIO()
    np.save(labels, np.arange(10) % 2)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", images)
        archive.writestr("labels.npy", labels.getvalue())
    return path


def test_an_npz_file_that_says_it_is_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = labelled(tmp_path / "x.npz", header((10, 8, 8)) + bytes(640))
    assert len(read(str(path)).training[0]) == 10
    monkeypatch.setattr(npz, "most_memory", lambda: 500)
    with pytest.raises(DataError, match="data that memory can hold"):
        read(str(path))


@pytest.mark.parametrize(
    "images",
    [
        header((100_000, 1000, 1000)),
        header((2**62, 2**62)),
        header((-1, 8, 8)),
        header((10, 8, 8)) + bytes(100),
        header((10,), "|O") + b"cos\nsystem\n(S'true'\ntR.",
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 60_000) + b"(" * 60_000,
        b"\x93NUMPY\x09\x00",
        b"",
    ],
    ids=["100 GB", "2^124 bytes", "negative", "cut off", "objects", "nested", "a version", "nothing"],
)
def test_arrays_that_are_none(tmp_path: Path, images: bytes) -> None:
    with pytest.raises(DataError):
        read(str(labelled(tmp_path / "x.npz", images)))
    folder = tmp_path / "arrays"
    folder.mkdir()
    (folder / "images.npy").write_bytes(images)
    np.save(folder / "labels.npy", np.arange(10) % 2)
    with pytest.raises(DataError):
        read(str(folder))


def idx(folder: Path, *, n: int, bombs: bool) -> Path:
    folder.mkdir()
    for split in ("train", "t10k"):
        content = struct.pack(">4BIII", 0, 0, 8, 3, n, 4, 4) + bytes(range(160)) + bytes(50_000_000 if bombs else 0)
        (folder / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(content, 1))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 10) + bytes([0, 1] * 5))
    return folder


def test_idx_files_that_unpack_to_more_than_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(read(str(idx(tmp_path / "whole", n=10, bombs=False))).training[0]) == 10
    with pytest.raises(DataError, match="a complete IDX file"):
        read(str(idx(tmp_path / "bomb", n=10, bombs=True)))
    large = idx(tmp_path / "large", n=2**32 - 1, bombs=False)
    monkeypatch.setattr(npz, "most_memory", lambda: GB)
    with pytest.raises(DataError, match="data that memory can hold"):
        read(str(large))


def test_a_packed_table_that_unpacks_to_more_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"label,a,b\n" + b"0,1,2\n1,3,4\n" * 1000))
    settings = DataConfig(axes="features")
    assert len(read(str(path), settings).training[0]) == 2000
    for module in (npz, table_files):
        monkeypatch.setattr(module, "most_memory", lambda: 5000)
    with pytest.raises(DataError, match="data that memory can hold"):
        read(str(path), settings)


def picture_folder(path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (path / name).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(path / name / f"{i}.png")
    return path


def png_of(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def test_pictures_of_sizes_that_nobody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = picture_folder(tmp_path / "set")
    (folder / "a" / "huge.png").write_bytes(png_of(60_000, 60_000))
    with pytest.raises(DataError, match="huge"):
        read(str(folder))
    (folder / "a" / "huge.png").unlink()
    monkeypatch.setattr(pictures, "most_memory", lambda: 500)
    with pytest.raises(DataError, match="pictures that memory can hold"):
        read(str(folder))


def test_what_is_no_file_is_never_opened_and_told(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "set")
    os.mkfifo(folder / "a" / "pipe.png")
    os.mkfifo(folder / "pipe.png")
    with pytest.warns(DataWarning, match="left out"):
        assert len(read(str(folder)).training[0]) == 8
    os.mkfifo(tmp_path / "pipe.npz")
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("pipe.npz", "pipe.csv"):
        with pytest.raises(DataError):
            read(str(tmp_path / name))


def test_links_in_circles_are_not_followed(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "set")
    for name in ("one", "two"):
        (folder / "a" / name).symlink_to(folder, target_is_directory=True)
        (folder / "b" / name).symlink_to(folder / "b", target_is_directory=True)
    assert len(read(str(folder)).training[0]) == 12  # what lies in b is found from a, too


def test_recordings_that_would_be_as_long_as_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(3):
            wavfile.write(tmp_path / name / f"{i}.wav", 8000, np.arange(800, dtype=np.int16))
    settings = DataConfig(audio="raw", axes="time", seconds=86_400)
    monkeypatch.setattr(wav_folder, "most_memory", lambda: GB)
    with pytest.raises(DataError, match="recordings that memory can hold"):
        read(str(tmp_path), settings)


def test_memory_is_that_of_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = evonas.files.most_memory()
    assert machine > GB // 4
    for text, expected in (("1000000\n", 1_000_000), ("max\n", None)):
        (tmp_path / "max").write_text(text, encoding="ascii")
        monkeypatch.setattr(evonas.files, "CONTAINER", tmp_path / "max")
        found = evonas.files.most_memory()
        assert found == expected if expected else found >= machine
