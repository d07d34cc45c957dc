"""All files of a network in C as a library, for people who know nothing of evonas."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from numpy.typing import NDArray

from evonas.export.bundle import sealed_files
from evonas.export.c.interface import class_names
from evonas.export.c.library.packages import BUILD, LAYOUTS
from evonas.export.c.library.readme import readme_texts
from evonas.export.c.library.vectors import c_vectors, make_vectors
from evonas.export.c.options import COptions
from evonas.export.c.source import CSource, c_parts
from evonas.nets.frozen import FrozenNetwork

README = "README.md"
TEMPLATES = Path(__file__).parent / "templates"
NAMES_LINE = "    static const char *const names[] = NET_NAMES;\n"
ENCODE = "    net_encode(numbers, image);\n"


def library_files(frozen: FrozenNetwork, *, images: NDArray[Any] | None = None) -> dict[str, bytes]:
    """The files by path, sealed. The network's facts say how: :class:`evonas.export.c.options.COptions`.

    Args:
        frozen: The network.
        images: Codes ``(n, channels, height, width)`` of held-out images, some of which go into the self-test; None:
            random ones.

    Raises:
        ExportError: A number is not finite, or a sum of codes needs more than 32 bits.
    """
    options = COptions.of(frozen.facts)
    package, name = LAYOUTS[options.package], options.name
    vectors = make_vectors(frozen, options, images=images)
    parts = c_parts(frozen, options, has_self_test=True)
    texts = _texts(frozen, options, parts)
    texts |= readme_texts(frozen, options, vectors)
    texts["build"] = _filled(BUILD[options.package], texts, options)
    fill = {key: _filled(_template(key), texts, options) for key in ("CMakeLists.txt", "zephyr.cmake", "Kconfig")}
    files = {
        f"{package.headers}{name}.h": c_header(options, parts),
        f"{package.headers}{name}_test_vectors.h": c_vectors(vectors, options),
        f"{package.sources}{name}.c": c_code(options, parts),
        f"{package.sources}{name}_test.c": _filled(_template("self_test.c"), texts, options),
        package.example: _filled(_template(package.template), texts, options),
        README: _filled(_template(README), texts, options),
        **package.more(texts | fill),
    }
    encoded = {path: text.encode("utf-8" if path == README else "ascii", "replace") for path, text in files.items()}
    return sealed_files(encoded, format_name="c", facts=frozen.facts)


def c_header(options: COptions, parts: CSource) -> str:
    """``NAME.h``."""
    guard = f"{options.name.upper()}_H"
    return (
        f"/*\n * A neural network in C99, written by evonas.\n{parts.facts} *\n{parts.use} *\n{parts.sizes} */\n"
        f"#ifndef {guard}\n#define {guard}\n\n{parts.interface}\n#endif\n"
    )


def c_code(options: COptions, parts: CSource) -> str:
    """``NAME.c``."""
    head = f"/*\n * {options.name}.h says what this is. Its operations:\n *\n{parts.table} */\n"
    return f'{head}#include "{options.name}.h"\n{parts.code}'


def _texts(frozen: FrozenNetwork, options: COptions, parts: CSource) -> dict[str, str]:
    """What templates may ask for."""
    has_names, takes_numbers = bool(class_names(frozen)), frozen.codes.standards is not None
    channels, height, width = frozen.architecture.input_shape
    n_classes = frozen.architecture.ops[-1].channels
    return {
        "name": options.name,
        "upper": options.name.upper(),
        "arena_bytes": f"{parts.arena_bytes}",
        "weight_bytes": f"{parts.weight_bytes}",
        "summary": f"{channels}x{height}x{width} numbers in, one of {n_classes} classes out",
        "names": options.prefixed(NAMES_LINE) * has_names,
        "numbers": options.prefixed("static float numbers[NET_IMAGE_BYTES];\n") * takes_numbers,
        "filled": "numbers" if takes_numbers else "image",
        "encode": options.prefixed(ENCODE) * takes_numbers,
        "shown": "%s" if has_names else "class %d",
        "chosen": "names[chosen]" if has_names else "chosen",
    }


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _filled(template: str, texts: Mapping[str, str], options: COptions) -> str:
    return Template(options.prefixed(template)).substitute(texts)
