"""Recordings in folders are read by value, and their log-mel energies are what the formula says."""

from __future__ import annotations

import warnings
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning
from evonas.training.datasets.arrays import Parts
from evonas.training.datasets.dataset import load_dataset
from evonas.training.datasets.forms.folders import wav_folder
from evonas.training.datasets.forms.folders.log_mel import LogMel
from evonas.training.datasets.forms.folders.recordings import recording

RATE = 1000
RAW = {"audio": "raw"}
NOISE = np.random.default_rng(0).uniform(-0.9, 0.9, 200).astype(np.float32)


def folder(root: Path, *, split: str = "", n: int = 3, length: int = 200, rate: int = RATE) -> Path:
    """Two classes of recordings by two speakers."""
    for name in ("no", "yes"):
        (root / split / name).mkdir(parents=True, exist_ok=True)
        for index in range(n):
            speaker = ("ada", "ben")[index % 2]
            signal = np.float32(0.1 * (index + 1)) * np.abs(np.resize(NOISE, length))
            wavfile.write(root / split / name / f"{index}_{speaker}_x.wav", rate, signal)
    return root


def parts(path: Path, **data: Any) -> Parts:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return wav_folder.read(str(path), DataConfig(**data))


@pytest.mark.parametrize(("dtype", "zero"), [("uint8", 128), ("int16", 0), ("int32", 0)])
def test_whole_numbers_are_parts_of_their_range(tmp_path: Path, dtype: str, zero: int) -> None:
    half = 2.0 ** (8 * np.dtype(dtype).itemsize - 1)
    whole = np.round(NOISE.astype(float) * half).astype(np.int64)
    whole[:2] = -half, half - 1
    wavfile.write(tmp_path / "x.wav", RATE, (whole + zero).astype(dtype))
    np.testing.assert_array_equal(recording(tmp_path / "x.wav").signal, (whole / half).astype(np.float32))


def test_24_bits_floats_and_several_channels_are_read_by_value(tmp_path: Path) -> None:
    whole = np.round(NOISE.astype(float) * (2**23 - 1)).astype("<i4")
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((1, 3, RATE, 0, "NONE", ""))
        file.writeframes(whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
    np.testing.assert_allclose(recording(tmp_path / "x.wav").signal, NOISE, atol=2e-7)
    wavfile.write(tmp_path / "x.wav", RATE, np.stack([NOISE, 2 * NOISE], axis=1))
    np.testing.assert_allclose(recording(tmp_path / "x.wav").signal, 1.5 * NOISE, rtol=1e-6)


def test_a_folder_gives_signals_classes_and_groups(tmp_path: Path) -> None:
    folder(tmp_path, split="train")
    folder(tmp_path, split="test", n=2)
    (tmp_path / "train" / "no" / ".hidden.wav").write_text("")
    assert wav_folder.fits(str(tmp_path))
    found = parts(tmp_path, groups=r"_(\w+)_", **RAW)
    assert found.training[0].shape == (6, 1, 200, 1)
    np.testing.assert_allclose(found.training[0][1, 0, :, 0], 0.2 * np.abs(NOISE), rtol=1e-6)
    assert found.training[1].tolist() == [0, 0, 0, 1, 1, 1]
    assert found.classes == ("no", "yes")
    assert found.groups is not None
    assert found.groups.training.tolist() == ["ada", "ben", "ada"] * 2
    assert found.groups.test is not None
    assert found.groups.test.tolist() == ["ada", "ben"] * 2
    assert found.features == "recordings: 1000 Hz, one channel within -1 to 1, 0.2 s"


def test_what_must_be_computed_at_deployment_is_told(tmp_path: Path) -> None:
    data = load_dataset(DataConfig(source=str(folder(tmp_path, n=6)), audio="raw"))
    assert data.input_shape == (1, 1, 200)
    assert data.expects()["features"] == "recordings: 1000 Hz, one channel within -1 to 1, 0.2 s"
    assert "features" not in load_dataset(DataConfig()).expects()


def test_recordings_become_images_or_signals_of_energies(tmp_path: Path) -> None:
    mel = {"mels": 5, "window_ms": 30, "hop_ms": 10}
    found = parts(folder(tmp_path), **mel)
    assert found.training[0].shape == (6, 18, 5)  # 1 + (200 - 30) // 10 frames
    assert found.features == "log-mel energies: 1000 Hz, window 30 ms, hop 10 ms, 5 bands, 0.2 s"
    signals = parts(tmp_path, axes="time_channels", **mel).training[0]
    np.testing.assert_array_equal(signals[:, 0], found.training[0])
    expected = LogMel(RATE, 30, 10, 5)(np.float32(0.1) * np.abs(NOISE))
    np.testing.assert_allclose(found.training[0][0], expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(DataError, match="axes = 'auto' or 'channels_last'"):
        parts(tmp_path, axes="time")


def test_recordings_are_cut_padded_and_resampled_on_request(tmp_path: Path) -> None:
    folder(tmp_path)
    tone = np.sin(2 * np.pi * 50 * np.arange(800) / 2000).astype(np.float32)
    wavfile.write(tmp_path / "no" / "0_ada_x.wav", 2 * RATE, tone)  # 0.4 s
    wavfile.write(tmp_path / "no" / "1_ben_x.wav", RATE, NOISE[:150])
    with pytest.raises(DataError, match=r"recordings of one rate, 2000 Hz as .*0_ada(.|\n)*1000 Hz at .*1_ben"):
        parts(tmp_path, **RAW)
    told = r"one length in .*\nfound:  the shortest 0\.150 s at .*1_ben.*, the longest 0\.400 s at .*0_ada"
    with pytest.raises(DataError, match=told):
        parts(tmp_path, sample_rate=RATE, **RAW)
    found = parts(tmp_path, sample_rate=RATE, seconds=0.3, **RAW).training[0][:, 0, :, 0]
    assert found.shape == (6, 300)
    np.testing.assert_allclose(found[0, 20:280], tone[40:560:2], atol=0.02)  # the ends are filtered with nothing
    np.testing.assert_array_equal(found[1], np.pad(NOISE[:150], (0, 150)))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def cut_in_a_sample(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def empty(path: Path) -> None:
    wavfile.write(path, RATE, NOISE[:0])


@pytest.mark.parametrize(
    "spoil", [cut, cut_in_a_sample, empty, lambda path: path.write_bytes(b""), lambda path: path.write_text("no")]
)
def test_damaged_recordings_are_named_or_left_out_on_request(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    spoil(folder(tmp_path) / "no" / "1_ben_x.wav")
    with pytest.raises(DataError, match=r"a whole recording at .*1_ben(.|\n)*damaged are 1 of 6 recordings"):
        parts(tmp_path, **RAW)
    with pytest.warns(DataWarning, match="they are damaged: 1 of 6 recordings"):
        found = wav_folder.read(str(tmp_path), DataConfig(skip_damaged=True, groups=r"_(\w+)_", audio="raw"))
    assert found.training[1].tolist() == [0, 0, 1, 1, 1]
    assert found.groups is not None
    assert found.groups.training.tolist() == ["ada", "ada", "ada", "ben", "ada"]


def test_what_is_no_recording_is_told(tmp_path: Path) -> None:
    (folder(tmp_path) / "yes" / "notes.flac").write_text("")
    with pytest.warns(DataWarning, match=r"no recordings of a class: 1 in .*notes\.flac"):
        wav_folder.read(str(tmp_path), DataConfig(audio="raw"))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("(", r"a regular expression with one group(.|\n)*unterminated"),
        ("ada|ben", r"a regular expression with one group(.|\n)*0 groups"),
        (r"(\w)_(\w)", r"a regular expression with one group(.|\n)*2 groups"),
        ("_(cy)_", r"a group in the path of each file(.|\n)*none in no/0_ada_x\.wav"),
    ],
)
def test_groups_that_paths_do_not_tell_are_explained(tmp_path: Path, groups: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parts(folder(tmp_path), groups=groups, **RAW)


def test_log_mel_is_its_formula_term_by_term() -> None:
    energies = LogMel(rate=800, window=60, hop=25, bands=6)
    found = energies(NOISE)

    def mel(frequency: float) -> float:
        return float(2595 * np.log10(1 + frequency / 700))

    d = (mel(400) - mel(20)) / 7
    for frame in range(len(found)):
        x = NOISE[25 * frame : 25 * frame + 60].astype(float)
        windowed = [x[n] * (1 - np.cos(2 * np.pi * n / 60)) / 2 for n in range(60)]
        power = [abs(sum(windowed[n] * np.exp(-2j * np.pi * k * n / 64) for n in range(60))) ** 2 for k in range(33)]
        for band in range(6):
            low = mel(20) + band * d
            weights = [max(0, min(mel(k * 800 / 64) - low, low + 2 * d - mel(k * 800 / 64)) / d) for k in range(33)]
            assert found[frame, band] == pytest.approx(np.log(1e-6 + np.dot(power, weights)), abs=1e-4)
    assert len(found) == 1 + (200 - 60) // 25


@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_a_tone_lands_in_its_band_and_loudness_adds(frequency: int) -> None:
    energies = LogMel(rate=16000, window=640, hop=320, bands=40)
    tone = 0.4 * np.sin(2 * np.pi * frequency * np.arange(4000) / 16000)
    found = energies(tone)
    edges = np.linspace(*(2595 * np.log10(1 + np.array([20, 8000]) / 700)), 42)
    band = np.abs(edges[1:-1] - 2595 * np.log10(1 + frequency / 700)).argmin()
    assert (found.argmax(axis=1) == band).all()
    loud = found > 0
    np.testing.assert_allclose((energies(2 * tone) - found)[loud], np.log(4), atol=1e-4)
    np.testing.assert_allclose(energies(0 * tone), np.log(1e-6), rtol=1e-6)


@pytest.mark.parametrize(
    ("window", "hop", "bands", "message"),
    [(1, 1, 4, "frames of two samples"), (80, 0, 4, "frames of two samples"), (80, 40, 60, "narrower bands")],
)
def test_frames_that_cannot_be_are_explained(window: int, hop: int, bands: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        LogMel(8000, window, hop, bands)
    with pytest.raises(DataError, match="80 samples at least"):
        LogMel(8000, 80, 40, 4)(NOISE[:70])
