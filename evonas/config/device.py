"""``[device]`` of the run file: a microcontroller, by name or in numbers, which bounds a search."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from evonas.config.sections import SearchConfig
from evonas.spaces.settings import NetworkSpaceSettings, Settings, known
from objectives.device.cores import DEFAULT_CORE

S = TypeVar("S", bound=NetworkSpaceSettings)
KIB, MIB, MHZ = 1024, 1024**2, 1_000_000
MOST_BYTES, MOST_HZ = 2**40, 10_000_000_000


class Device(NamedTuple):
    """A microcontroller as its data sheet describes it.

    Attributes:
        core: One of :data:`objectives.device.cores.CORES`.
        flash, ram: Bytes.
        clock: Hz, the highest.
        source: The data sheet.
    """

    core: Literal["cortex-m4f", "cortex-m0+", "rv32imc", "rv32ec"]
    flash: int
    ram: int
    clock: int
    source: str


DEVICES = {
    "ch32v003": Device("rv32ec", 16 * KIB, 2 * KIB, 48 * MHZ, "WCH, CH32V003 data sheet: QingKe V2A, RV32EC"),
    "ch32v203": Device(
        "rv32imc", 64 * KIB, 20 * KIB, 144 * MHZ, "WCH, CH32V203 data sheet, CH32V203C8T6: QingKe V4B, RV32IMAC"
    ),
    "esp32c3": Device(
        "rv32imc", 4 * MIB, 384 * KIB, 160 * MHZ,
        "Espressif, ESP32-C3 Series data sheet: RV32IMC; ESP32-C3FH4 with 4 MB of flash; of 400 KB of RAM 16 are cache",
    ),
    "gd32vf103": Device(
        "rv32imc", 128 * KIB, 32 * KIB, 108 * MHZ, "GigaDevice, GD32VF103 data sheet, GD32VF103xB: Bumblebee, RV32IMAC"
    ),
    "nrf52832": Device("cortex-m4f", 512 * KIB, 64 * KIB, 64 * MHZ, "Nordic, nRF52832 product specification, QFAA"),
    "nrf52840": Device("cortex-m4f", 1 * MIB, 256 * KIB, 64 * MHZ, "Nordic, nRF52840 product specification"),
    "rp2040": Device(
        "cortex-m0+", 2 * MIB, 264 * KIB, 133 * MHZ,
        "Raspberry Pi, RP2040 data sheet, one of two cores; flash beside it as on the Pico, of 2 MB",
    ),
    "samd21": Device("cortex-m0+", 256 * KIB, 32 * KIB, 48 * MHZ, "Microchip, SAM D21/DA1 family data sheet, G18A"),
    "samd51": Device(
        "cortex-m4f", 512 * KIB, 192 * KIB, 120 * MHZ, "Microchip, SAM D5x/E5x family data sheet, SAMD51J19A"
    ),
    "stm32f401": Device("cortex-m4f", 512 * KIB, 96 * KIB, 84 * MHZ, "ST, STM32F401xD/xE data sheet, xE"),
    "stm32g031": Device("cortex-m0+", 64 * KIB, 8 * KIB, 64 * MHZ, "ST, STM32G031x4/x6/x8 data sheet, x8"),
    "stm32l031": Device("cortex-m0+", 32 * KIB, 8 * KIB, 32 * MHZ, "ST, STM32L031x4/x6 data sheet, x6"),
    "stm32l476": Device("cortex-m4f", 1 * MIB, 128 * KIB, 80 * MHZ, "ST, STM32L476xx data sheet, xG"),
}  # fmt: skip


class DeviceConfig(Settings):
    """[device]: the microcontroller that networks are searched for; its numbers bound the search."""

    name: str = Field("", description=f'{", ".join(DEVICES)}; "": none, or one of your own in the numbers below')
    core: Literal["", "cortex-m4f", "cortex-m0+", "rv32imc", "rv32ec"] = Field(
        "",
        description='what counts instructions and flash; "": that of the device, of none cortex-m4f',
    )
    flash: int = Field(
        0,
        ge=0,
        le=MOST_BYTES,
        description="bytes; bounds the objective flash; 0: those of the device, of none no bound",
    )
    ram: int = Field(
        0, ge=0, le=MOST_BYTES, description="bytes; bounds peak_memory; 0: those of the device, of none no bound"
    )
    clock: int = Field(
        0, ge=0, le=MOST_HZ, description="Hz, which is the most instructions a second; 0: that of the device, if known"
    )
    flash_reserve: int = Field(
        1024, ge=0, le=MOST_BYTES, description="bytes of flash that are left for start-up code and the program"
    )
    ram_reserve: int = Field(
        1280,
        ge=0,
        le=MOST_BYTES,
        description="bytes of RAM that are left for the stack, 640 to 1,250, and the program",
    )

    @field_validator("name")
    @classmethod
    def _known_device(cls, name: str) -> str:
        return known((name.lower(),), DEVICES)[0] if name else name

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        for kind, reserve in (("flash", self.flash_reserve), ("ram", self.ram_reserve)):
            if 0 < (size := self.number(kind)) <= reserve:
                raise ValueError(
                    f"{kind} must be more than {kind}_reserve: {size:,} bytes, of which {reserve:,} are kept"
                )
        return self

    @property
    def is_set(self) -> bool:
        """Whether a device is named or described."""
        return bool(self.name or self.core or self.flash or self.ram)

    @property
    def used_core(self) -> str:
        """Whose instructions and flash are counted."""
        return self.core or (DEVICES[self.name].core if self.name else DEFAULT_CORE)

    def number(self, key: str) -> int:
        """``flash``, ``ram`` or ``clock``: as given, or the named device's; 0 where neither says it."""
        own: int = getattr(self, key)
        return own or (int(getattr(DEVICES[self.name], key)) if self.name else 0)

    def applied(self, search: SearchConfig) -> SearchConfig:
        """The search for this device: its bounds, and instructions as the third objective, where none are given."""
        if not self.is_set:
            return search
        bounds = {
            "flash": self.number("flash") - self.flash_reserve,
            "peak_memory": self.number("ram") - self.ram_reserve,
        }
        known_bounds = {name: float(bound) for name, bound in bounds.items() if bound > 0}
        changed: dict[str, Any] = {"constraints": known_bounds | search.constraints}
        if "objectives" not in search.model_fields_set:
            changed["objectives"] = ("error", "model_size", "instructions")
        return search.model_copy(update=changed)

    def tensors(self, space: S) -> S:
        """The space for this device: tensors between layers have 8 or 16 bits, a gene, unless it speaks of them."""
        if not self.is_set or "stream_precisions" in space.model_fields_set:
            return space
        return space.model_copy(update={"stream_precisions": ("8-bit", "16-bit")})
