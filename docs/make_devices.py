"""Write the table of devices in docs/guide/devices.md from evonas/config/device.py: ``python docs/make_devices.py``."""

from __future__ import annotations

from pathlib import Path

from evonas.config.device import DEVICES
from objectives.device.cores import CORES

PAGE = Path(__file__).parent / "guide" / "devices.md"
HEAD = "| `name` | core | flash, bytes | RAM, bytes | MHz | source |\n| --- | --- | --- | --- | --- | --- |\n"


def table() -> str:
    """A row for each device."""
    return HEAD + "".join(
        f"| `{name}` | {CORES[one.core].title} | {one.flash:,} | {one.ram:,} | {one.clock // 10**6} | {one.source} |\n"
        for name, one in DEVICES.items()
    )


def page() -> str:
    """The page's text, with the table as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(HEAD)
    behind = rest[rest.index("\n\n") + 1 :]
    return before + table() + behind


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
