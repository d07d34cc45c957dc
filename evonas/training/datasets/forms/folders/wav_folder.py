"""Folders of ``.wav`` recordings, one for each class: ``train/CLASS/…``, with ``val/`` and ``test/``, or no splits.

``[data] audio`` tells what they become: log-mel energies ``(n, frames, mels)`` or signals ``(n, time)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.files import most_memory
from evonas.training.datasets.arrays import Groups, Parts, Raw
from evonas.training.datasets.axes import channels_last
from evonas.training.datasets.forms.folders.damage import tell_damaged
from evonas.training.datasets.forms.folders.log_mel import LogMel
from evonas.training.datasets.forms.folders.recordings import Recording, of_length, recording, resampled
from evonas.training.datasets.forms.folders.walking import PICTURES, RECORDINGS, ClassFiles, class_folders, first_file

KEYS = ("groups", "audio", "sample_rate", "seconds", "mels", "window_ms", "hop_ms")
"""Of ``[data]``, those that tell of recordings."""
AXES = {"log_mel": ("auto", "channels_last", "time_channels"), "raw": ("auto", "time")}


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`: the first picture or recording decides."""
    folder = Path(source).expanduser()
    if not folder.is_dir():
        return False
    first = first_file(folder, PICTURES.suffixes + RECORDINGS.suffixes)
    return first is not None and first.suffix.lower() in RECORDINGS.suffixes


def read(source: str, settings: DataConfig) -> Parts:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    folder = Path(source).expanduser()
    if settings.axes not in AXES[settings.audio]:
        raise DataError(
            f"axes = {' or '.join(map(repr, AXES[settings.audio]))} for audio = {settings.audio!r} of {folder}",
            found=f"axes = {settings.axes!r}",
            remedy="correct axes or audio under [data]",
        )
    found = class_folders(folder, RECORDINGS, settings)
    decoding = _Decoding(settings)
    read_parts = [None if files is None else decoding.read(files.paths) for files in found.parts]
    decoding.check(folder)
    axes = "time" if settings.audio == "raw" else settings.axes
    as_named = settings.model_copy(update={"axes": axes})

    def raw(files: ClassFiles | None, decoded: tuple[list[NDArray[Any]], list[int]] | None) -> Raw | None:
        if files is None or decoded is None:
            return None
        arrays, kept = decoded
        if not arrays:
            raise DataError(f"whole recordings in every split of {folder}", found="none", remedy="copy them again")
        return channels_last(np.stack(arrays), str(folder), as_named), files.labels[kept]

    training, test, heldout = map(raw, found.parts, read_parts)
    assert training is not None
    groups = None
    if found.groups is not None:
        kept = [
            None if names is None or one is None else names[one[1]]
            for names, one in zip(found.groups, read_parts, strict=True)
        ]
        assert kept[0] is not None
        groups = Groups(kept[0], kept[1], kept[2])
    return Parts(training, test, heldout, found.classes, groups, decoding.described())


class _Decoding:
    """Recordings become arrays one by one, so that no more than one of them is in memory as it is."""

    def __init__(self, settings: DataConfig) -> None:
        self.settings = settings
        self.rate = settings.sample_rate
        self.first: Path | None = None
        self.lengths: dict[int, Path] = {}  # in samples, with the first recording of it
        self.broken: list[tuple[str, str]] = []
        self.n_whole = 0
        self.log_mel: LogMel | None = None

    def read(self, paths: Sequence[Path]) -> tuple[list[NDArray[Any]], list[int]]:
        """What recordings become, and which of them are whole."""
        arrays, kept = [], []
        for index, path in enumerate(paths):
            try:
                one = recording(path)
            except PermissionError:
                raise
            except Exception as error:
                self.broken.append((str(path), str(error).partition("\n")[0] or type(error).__name__))
                continue
            self.n_whole += 1
            signal = self._at_rate(one, path).signal
            if self.settings.seconds:
                self._check_room(len(paths))
                signal = of_length(signal, max(1, round(self.settings.seconds * self.rate)))
            self.lengths.setdefault(len(signal), path)
            if len(self.lengths) == 1:  # of several lengths, none is used
                arrays.append(self._array(signal))
                kept.append(index)
        return arrays, kept

    def check(self, folder: Path) -> None:
        """Tell of damage and of several lengths.

        Raises:
            DataError: There are some.
        """
        tell_damaged(self.broken, self.n_whole, self.settings, kind="recording")
        if len(self.lengths) > 1:
            ends = [min(self.lengths), max(self.lengths)]
            told = [f"{n / self.rate:.3f} s at {self.lengths[n]}" for n in ends]
            raise DataError(
                f"recordings of one length in {folder}",
                found=f"the shortest {told[0]}, the longest {told[1]}",
                remedy="set seconds under [data], to which they are cut or padded with zeros",
            )

    def described(self) -> str:
        """What must be computed of a recording at deployment, in words."""
        settings, seconds = self.settings, f"{next(iter(self.lengths)) / self.rate:g} s"
        if settings.audio == "raw":
            return f"recordings: {self.rate} Hz, one channel within -1 to 1, {seconds}"
        frame = f"window {settings.window_ms:g} ms, hop {settings.hop_ms:g} ms"
        return f"log-mel energies: {self.rate} Hz, {frame}, {settings.mels} bands, {seconds}"

    def _check_room(self, n: int) -> None:
        n_bytes = 4 * n * self.settings.seconds * self.rate
        if n_bytes > most_memory():
            raise DataError(
                f"{n:,} recordings that memory can hold",
                found=f"{n_bytes / 1e9:,.0f} GB by seconds = {self.settings.seconds:g} at {self.rate} Hz",
                remedy="set fewer seconds or a lower sample_rate under [data]",
            )

    def _at_rate(self, one: Recording, path: Path) -> Recording:
        if self.settings.sample_rate:
            return resampled(one, self.rate)
        if self.first is None:
            self.first, self.rate = path, one.rate
        if one.rate != self.rate:
            raise DataError(
                f"recordings of one rate, {self.rate} Hz as {self.first}",
                found=f"{one.rate} Hz at {path}",
                remedy="set sample_rate under [data], to which they are resampled",
            )
        return one

    def _array(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.settings.audio == "raw":
            return signal
        if self.log_mel is None:
            window, hop = (round(self.rate * ms / 1000) for ms in (self.settings.window_ms, self.settings.hop_ms))
            self.log_mel = LogMel(self.rate, window, hop, self.settings.mels)
        return self.log_mel(signal)
