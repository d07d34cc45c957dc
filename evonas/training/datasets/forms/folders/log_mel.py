"""Logarithms of the energies of bands of frequency, evenly spaced in mel: what networks for speech usually read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.errors import DataError

LOWEST = 20.0  # Hz, where the first band begins
FLOOR = 1e-6  # added to energies, so that silence has a logarithm


@dataclass(frozen=True)
class LogMel:
    """Log-mel energies of a signal.

    A frame ``x`` of ``window`` samples starts every ``hop`` samples, as long as it fits into the signal. With
    ``w[n] = (1 - cos(2 pi n / window)) / 2`` and ``F`` the discrete Fourier transform, zeros appended up to a power of
    two, a frame has the power ``P[k] = |F(w x)[k]|^2`` at the frequency ``f[k] = k rate / length``. With ``mel(f) =
    2595 log10(1 + f / 700)`` and ``m[0], …, m[bands + 1]`` evenly spaced from ``mel(20 Hz)`` to ``mel(rate / 2)``, band
    ``b`` is ``log(1e-6 + sum over k of P[k] max(0, min((mel(f[k]) - m[b]) / d, (m[b + 2] - mel(f[k])) / d)))``, where
    ``d`` is the distance of neighbours: triangles with peak 1. Logarithms are natural.

    Args:
        rate: Samples per second.
        window: Samples of a frame.
        hop: Samples from the start of a frame to that of the next.
        bands: How many.

    Raises:
        DataError: A frame has less than two samples, or a band is narrower than the distance of two frequencies.

    References:
        Davis and Mermelstein 1980, "Comparison of parametric representations for monosyllabic word recognition"; the
        mel scale and the triangles in it are those of Young et al. 2006, "The HTK book", section 5.4.
    """

    rate: int
    window: int
    hop: int
    bands: int

    def __post_init__(self) -> None:
        if self.window < 2 or self.hop < 1:
            raise DataError(
                f"frames of two samples and more at {self.rate} Hz",
                found=f"a window of {self.window} and a hop of {self.hop} samples",
                remedy="raise window_ms and hop_ms under [data]",
            )
        if empty := int((self.filters.sum(axis=0) == 0).sum()):
            raise DataError(
                f"{self.bands} bands that are wider than the {self.rate / self.length:.1f} Hz between frequencies",
                found=f"{empty} narrower bands",
                remedy="lower mels under [data], or raise window_ms",
            )

    @property
    def length(self) -> int:
        """Samples that are transformed: a power of two."""
        return 1 << (self.window - 1).bit_length()

    @cached_property
    def filters(self) -> NDArray[np.float64]:
        """Weights of frequencies in bands, ``(length / 2 + 1, bands)``."""
        mels = _mel(np.fft.rfftfreq(self.length, 1 / self.rate))
        edges = np.linspace(_mel(LOWEST), _mel(self.rate / 2), self.bands + 2)
        distance = edges[1] - edges[0]
        rising, falling = mels[:, None] - edges[:-2], edges[2:] - mels[:, None]
        found: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling) / distance)
        return found

    def __call__(self, signal: NDArray[Any]) -> NDArray[np.float32]:
        """Energies of a signal.

        Args:
            signal: ``(time,)``, within -1 to 1.

        Raises:
            DataError: It is shorter than a frame.

        Returns:
            ``(frames, bands)``.
        """
        if len(signal) < self.window:
            raise DataError(
                f"recordings of {self.window} samples at least, as long as window_ms",
                found=f"{len(signal)} samples",
                remedy="lower window_ms, or raise seconds under [data]",
            )
        frames = np.lib.stride_tricks.sliding_window_view(signal, self.window)[:: self.hop]
        hann = (1 - np.cos(2 * np.pi * np.arange(self.window) / self.window)) / 2
        power = np.abs(np.fft.rfft(frames * hann, self.length)) ** 2
        found: NDArray[np.float32] = np.log(power @ self.filters + FLOOR).astype(np.float32)
        return found


def _mel(frequency: Any) -> Any:
    return 2595 * np.log10(1 + np.asarray(frequency) / 700)
