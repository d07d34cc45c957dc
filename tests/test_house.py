"""The house's own rules: sizes, captions, no pickle, papers that say what is true."""

from __future__ import annotations

import ast
import re
import runpy
import statistics
from pathlib import Path

import pytest

from evonas.cli import app

ROOT = Path(__file__).parents[1]
PACKAGES = ("evonas", "objectives", "surrogates", "reports")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_files_stay_short_and_begin_with_a_caption(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text))


def test_the_median_file_is_short() -> None:
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for path in FILES if path.name != "__init__.py"]
    assert statistics.median(lengths) <= 130


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_nothing_is_ever_unpickled(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"import pickle|pickle\.load|torch\.load|joblib\.load|allow_pickle=True", text)


def test_architecture_md_has_every_file_with_its_caption() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for path, name in zip(FILES, NAMES, strict=True):
        if path.name in ("__init__.py", "__main__.py"):
            continue
        caption = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()[0]
        assert f"| `{name}` | {caption} |" in text, f"{name}: {caption}"
    for name in re.findall(r"^\| `(\w+/[\w/]+\.py)`", text, flags=re.MULTILINE):
        assert name in NAMES


def test_the_page_of_objectives_is_the_code_s() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_objectives.py"))["page"]()
    assert (ROOT / "docs" / "objectives.md").read_text(encoding="utf-8") == made, "run: python docs/make_objectives.py"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_links_of_the_docs_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_readme_names_only_commands_and_files_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert set(re.findall(r"^ +evonas (\w+)", text, flags=re.MULTILINE)) <= commands
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / target).exists(), target
    for target in re.findall(r"make (\w+)", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE), target
