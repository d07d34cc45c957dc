"""How values read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.display import DISPLAYS, display


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.12344, "share", "12.34 %"),
        (0, "share", "0.00 %"),
        (4096, "bytes", "4,096 B"),
        (20_480, "bytes", "20.0 KiB"),
        (512, "bits", "512 bit"),
        (1_234_567, "bits", "1.23 Mbit"),
        (3.2e-14, "J", "0.03 pJ"),
        (4.6e-10, "J", "460.00 pJ"),
        (1.5e-9, "J", "1.50 nJ"),
        (1.2e-6, "J", "1.20 µJ"),
        (0.0123, "J", "12.30 mJ"),
        (2, "J", "2.00 J"),
        (0, "J", "0 J"),
        (250e-6, "s", "250.00 µs"),
        (0.0042, "s", "4.20 ms"),
        (61.5, "s", "61.50 s"),
        (5000, "s", "5000.00 s"),
        (0, "", "0"),
        (5, "", "5"),
        (999, "", "999"),
        (-0.0, "", "0"),
        (0.001, "", "0.001"),
        (1.2e-05, "", "1.2e-05"),
        (-12.3456, "", "-12.35"),
        (999.96, "", "1.00 k"),
        (-1_234_567.8, "", "-1.23 M"),
        (2e16, "", "2e+16"),
        (1_500, "", "1.50 k"),
        (999_999, "", "1.00 M"),
        (2_340_000, "", "2.34 M"),
        (7.1e9, "", "7.10 G"),
        (1.86e12, "", "1.86 T"),
        (12.3456, "g", "12.35 g"),
        (1e-7, "m²", "1e-07 m²"),
    ],
)
def test_values_read_well(value: float, unit: str, shown: str) -> None:
    assert display(value, unit) == shown


FACTOR = {"p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@given(st.floats(0.5, 1e12), st.sampled_from(["", "bits", "J", "s"]), st.booleans())
def test_what_is_shown_is_the_value_to_its_last_digit(value: float, unit: str, is_small: bool) -> None:
    if is_small and unit in ("J", "s"):
        value *= 1e-12
    number, _, rest = DISPLAYS[unit](value).partition(" ")
    prefix = rest.removesuffix({"bits": "bit"}.get(unit, unit))
    step = {"": 0.05, "bits": 0.5}.get(unit, 0.005) if prefix == "" else 0.005
    assert abs(float(number) * FACTOR[prefix] - value) <= step * FACTOR[prefix] + 1e-12 * value
    assert float(number) < 1000 or prefix == "T" or (prefix == "" and unit in ("J", "s"))
