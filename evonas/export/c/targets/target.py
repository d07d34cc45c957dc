"""The microcontrollers that QEMU simulates for us: compiler, flags, machine, and where to get them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from evonas.errors import ExportError, nearest

ARM = ("-nostartfiles", "--specs=nosys.specs", "--specs=nano.specs")
MPS2 = ("-nographic", "-monitor", "none", "-serial", "null")


@dataclass(frozen=True)
class Target:
    """One of them.

    Attributes:
        summary: What it is.
        compiler: Its program.
        flags: For compiling and linking.
        link: For linking.
        simulator: Its program and machine.
        start: Name of the start-up code and of the linker script, without their ends.
        memory: Of its machine, in words.
        tick: Instructions that its clock counts as one.
        packages: Debian's, for what it needs.
    """

    summary: str
    compiler: str
    flags: tuple[str, ...]
    link: tuple[str, ...]
    simulator: tuple[str, ...]
    start: str
    memory: str
    tick: int
    packages: str


RV32 = ("qemu-system-riscv32", "-M", "virt", "-bios", "none", *MPS2)
RV32_PACKAGES = "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc"

TARGETS = {
    "cortex-m4": Target(
        "Cortex-M4 with a float unit",
        "arm-none-eabi-gcc",
        ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
        ARM,
        ("qemu-system-arm", "-M", "mps2-an386", *MPS2),
        "arm",
        "4 MiB of flash and 4 MiB of RAM",
        40,
        "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm",
    ),
    "cortex-m0": Target(
        "Cortex-M0: no float unit, no division; unaligned accesses are faults",
        "arm-none-eabi-gcc",
        ("-mcpu=cortex-m0", "-mthumb", "-mfloat-abi=soft"),
        ARM,
        ("qemu-system-arm", "-M", "mps2-an385", *MPS2),  # a Cortex-M3, which runs all instructions of the M0
        "arm",
        "4 MiB of flash and 4 MiB of RAM",
        40,
        "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm",
    ),
    "rv32": Target(
        "RISC-V, RV32IMC: no float unit",
        "riscv64-unknown-elf-gcc",
        ("-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs"),
        ("-nostartfiles",),
        RV32,
        "rv32",
        "8 MiB of flash and 8 MiB of RAM",
        1,
        RV32_PACKAGES,
    ),
    "rv32e": Target(
        "RISC-V, RV32EC: 16 registers, no multiplication, no float unit",
        "riscv64-unknown-elf-gcc",
        ("-march=rv32ec", "-mabi=ilp32e", "--specs=picolibc.specs"),
        ("-nostartfiles",),
        RV32,  # which runs all instructions of RV32EC
        "rv32",
        "8 MiB of flash and 8 MiB of RAM",
        1,
        RV32_PACKAGES,
    ),
}


def known_target(name: str) -> Target:
    """Look a target up.

    Raises:
        ExportError: There is none of that name, or a program that it needs is missing.
    """
    if name not in TARGETS:
        listed = "; ".join(f"{known} ({target.summary})" for known, target in TARGETS.items())
        raise ExportError(f"a known target: {listed}", found=repr(name), remedy=nearest(name, TARGETS))
    target = TARGETS[name]
    missing = [program for program in (target.compiler, target.simulator[0]) if shutil.which(program) is None]
    if missing:
        raise ExportError(
            f"a compiler and a simulator for {name}",
            found=f"no {' and no '.join(missing)}",
            remedy=f"install them; on Debian: apt-get install {target.packages}",
        )
    return target
