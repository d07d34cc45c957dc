"""Layouts of build systems: where they look for sources and headers, and the files by which they know a library."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

BUILD = {
    "plain": """\
    cmake -B build && cmake --build build && ctest --test-dir build

builds the library and `main.c`, which runs the self-test. In your own CMake project: `add_subdirectory($name)` and
`target_link_libraries(YOUR_PROGRAM $name)`. Without CMake, add `$name.c` to your sources, and `${name}_test.c` for the
self-test; compile with `-O2 -ffp-contract=off`.""",
    "arduino": """\
As a zip (`evonas export ... --package arduino --out $name.zip`): Sketch, Include Library, Add .ZIP Library. As a
folder: copy it to `libraries/`. Then open File, Examples, $name, SelfTest.""",
    "platformio": """\
Copy the folder to `lib/` of your project, or name it in `platformio.ini`: `lib_deps = file:///path/to/$name`. The
example `examples/self_test/main.c` is a whole program.""",
    "zephyr": """\
Name the folder to the build, `west build -- -DZEPHYR_EXTRA_MODULES=/path/to/$name`, and set `CONFIG_$upper=y` in
`prj.conf`, and `CONFIG_${upper}_SELF_TEST=y` for the self-test. The sample:
`west build samples/self_test -- -DZEPHYR_EXTRA_MODULES=$$PWD`.""",
}


@dataclass(frozen=True)
class Package:
    """A layout.

    Attributes:
        headers, sources: Folders with a slash at their end, or "".
        example: Path of the example.
        template: Of the example.
        more: The files by which the build system knows it, from a name and what it is.
    """

    headers: str
    sources: str
    example: str
    template: str
    more: Callable[[Mapping[str, str]], dict[str, str]]


def _plain(filled: Mapping[str, str]) -> dict[str, str]:
    return {"CMakeLists.txt": filled["CMakeLists.txt"]}


def _arduino(filled: Mapping[str, str]) -> dict[str, str]:
    lines = {
        "name": filled["name"],
        "version": "1.0.0",
        "author": "evonas",
        "maintainer": "evonas",
        "sentence": f"A neural network, written by evonas: {filled['summary']}.",
        "paragraph": f"It needs {filled['arena_bytes']} bytes of RAM for a call.",
        "category": "Data Processing",
        "architectures": "*",
        "includes": f"{filled['name']}.h",
    }
    return {"library.properties": "".join(f"{key}={value}\n" for key, value in lines.items())}


def _platformio(filled: Mapping[str, str]) -> dict[str, str]:
    facts = {
        "name": filled["name"],
        "version": "1.0.0",
        "description": f"A neural network, written by evonas: {filled['summary']}",
        "frameworks": "*",
        "platforms": "*",
        "headers": f"{filled['name']}.h",
        "build": {"flags": ["-ffp-contract=off"]},
        "examples": [{"name": "self_test", "base": "examples/self_test", "files": ["main.c"]}],
    }
    return {"library.json": json.dumps(facts, indent=2) + "\n"}


def _zephyr(filled: Mapping[str, str]) -> dict[str, str]:
    name, upper = filled["name"], filled["upper"]
    return {
        "zephyr/module.yml": f"name: {name}\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n",
        "zephyr/CMakeLists.txt": filled["zephyr.cmake"],
        "zephyr/Kconfig": filled["Kconfig"],
        "samples/self_test/CMakeLists.txt": (
            "cmake_minimum_required(VERSION 3.20.0)\nfind_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})\n"
            f"project({name}_self_test)\ntarget_sources(app PRIVATE src/main.c)\n"
        ),
        "samples/self_test/prj.conf": f"CONFIG_{upper}=y\nCONFIG_{upper}_SELF_TEST=y\nCONFIG_MAIN_STACK_SIZE=4096\n",
    }


LAYOUTS: dict[str, Package] = {
    "plain": Package("", "", "main.c", "main.c", _plain),
    "arduino": Package("src/", "src/", "examples/SelfTest/SelfTest.ino", "SelfTest.ino", _arduino),
    "platformio": Package("include/", "src/", "examples/self_test/main.c", "main.c", _platformio),
    "zephyr": Package("include/", "src/", "samples/self_test/src/main.c", "main.c", _zephyr),
}
