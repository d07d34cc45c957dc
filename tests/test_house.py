"""The house's own rules: sizes, captions, rooms, imports, no pickle."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import grimp  # import-linter's own

ROOT = Path(__file__).parents[1]
PACKAGES = ("evonas", "objectives", "surrogates", "reports")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ROOMS = [path.parent for path in FILES if path.name == "__init__.py"]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in FILES}
TREES = {name: ast.parse(text) for name, text in TEXTS.items()}
MODULES = {name: text for name, text in TEXTS.items() if not name.endswith(("__init__.py", "__main__.py"))}


def test_files_stay_short_and_begin_with_a_caption() -> None:
    lengths = {name: len(text.splitlines()) for name, text in TEXTS.items()}
    assert {name: n for name, n in lengths.items() if n > 400} == {}
    assert statistics.median(lengths[name] for name in MODULES) <= 120
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_a_room_is_small_and_its_docstring_lists_its_files() -> None:
    for room in ROOMS:
        assert len(list(room.glob("*.py"))) <= 12, room
        if room == ROOT / "objectives":
            continue  # the table OBJECTIVES lists them
        docstring = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
        files = [path for path in room.glob("*.py") if path.name not in ("__init__.py", "__main__.py")]
        subrooms = [path.parent for path in room.glob("*/__init__.py")]
        missing = [path.stem for path in (*files, *subrooms) if f"``{path.stem}``" not in docstring]
        assert missing == [], room.relative_to(ROOT)


def test_the_root_of_evonas_holds_only_what_every_room_may_use() -> None:
    found = {path.stem for path in (ROOT / "evonas").glob("*.py")}
    assert found == {"__init__", "__main__", "errors", "files", "plugins", "progress", "seeding", "signing", "version"}


def test_imports_between_rooms_stand_on_few_floors() -> None:
    graph = grimp.build_graph(*PACKAGES)
    below: dict[str, set[str]] = {}
    for module in graph.modules:
        found = {_room(one) for one in graph.find_modules_directly_imported_by(module)}
        below.setdefault(_room(module), set()).update(found - {_room(module)})

    def floor(room: str) -> int:
        return 1 + max(map(floor, below[room]), default=0)

    assert max(map(floor, below)) <= 14


def _room(module: str) -> str:
    package, _, rest = module.partition(".")
    return f"{package}.{rest.partition('.')[0]}" if package == "evonas" else package


def test_nothing_is_ever_unpickled() -> None:
    forbidden = re.compile(r"import pickle|pickle\.load|torch\.load|joblib\.load|allow_pickle=True")
    assert [name for name, text in TEXTS.items() if forbidden.search(text)] == []


def test_imports_stand_on_top_but_in_the_command_line_and_for_optional_extras() -> None:
    found = [
        (name, ast.unparse(node))
        for name, tree in TREES.items()
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    elsewhere = {text for name, text in found if not name.startswith("evonas/cli/") and name != "evonas/__init__.py"}
    assert len(found) <= 25
    assert elsewhere == {
        "from distributed import Client, KilledWorker",
        "from datasets import load_dataset",
        "from torch.utils.tensorboard import SummaryWriter",
    }
