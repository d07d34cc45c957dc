"""README, ARCHITECTURE and docs say what is true: commands, links, generated pages, public names."""

from __future__ import annotations

import ast
import inspect
import re
import runpy
import tomllib
from pathlib import Path

import pytest

import evonas
from evonas.cli import app
from evonas.config.load import load_config
from evonas.export.formats import FORMATS
from evonas.training.datasets.dataset import load_dataset

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAPERS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *DOCS]
BLOCK = re.compile(r"^```(python|toml)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
CODE = re.compile(r"^ *```python\n(.*?)^ *```", flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", ["objectives", "quantizers", "run-file", "modules"])
def test_generated_pages_are_the_code_s(page: str) -> None:
    script = ROOT / "docs" / f"make_{page.replace('-', '_')}.py"
    found = ROOT / "docs" / "reference" / f"{page}.md"
    assert found.read_text(encoding="utf-8") == runpy.run_path(str(script))["page"](), f"run: python {script.name}"


def test_links_lead_somewhere() -> None:
    for page in PAPERS:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)


def test_the_readme_names_only_commands_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert set(re.findall(r"^ +evonas (\w+)", text, flags=re.MULTILINE)) <= commands
    for target in re.findall(r"make (\w+)", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE), target


def test_architecture_is_short_and_names_the_rooms_in_order() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert len(text.encode()) <= 9_000
    rooms = re.findall(r"^\| `(\w+)/` \|", text, flags=re.MULTILINE)
    listed = re.findall(r"^- ``(\w+)``:", inspect.getdoc(evonas) or "", flags=re.MULTILINE)
    assert rooms == listed
    assert len(rooms) == 11
    walk = re.findall(r"`((?:evonas|reports|surrogates|objectives)/[\w/]+\.py)`", text)
    assert len(set(walk)) <= 14, "a genome on its way from ask to page"
    assert [name for name in walk if not (ROOT / name).exists()] == []


def test_formats_are_named_where_users_choose_one() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "guide" / "export.md", ROOT / "evonas" / "cli" / "deploy.py"):
        words = set(re.findall(r"[\w-]+", page.read_text(encoding="utf-8")))
        assert set(FORMATS) - words == set(), page.name


def snippets() -> list[tuple[str, str]]:
    """Python code that users read: examples, and the blocks of the papers."""
    found = [(path.name, path.read_text(encoding="utf-8")) for path in sorted((ROOT / "examples").rglob("*.py"))]
    for page in (ROOT / "README.md", *DOCS):
        found += [(page.name, code) for code in CODE.findall(page.read_text(encoding="utf-8"))]
    return found


def data_examples() -> list[tuple[str, str]]:
    """Of the page on data: what makes a data set, and the run file that reads it."""
    found, code = [], ""
    for kind, block in BLOCK.findall((ROOT / "docs" / "data.md").read_text(encoding="utf-8")):
        if kind == "python":
            code = block
        else:
            found.append((code, block))
    return found


@pytest.mark.parametrize(("code", "run_file"), data_examples())
def test_every_data_set_of_the_page_on_data_is_read(
    code: str, run_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(code, {"__name__": "example"})
    dataset = load_dataset(load_config(None, tomllib.loads(run_file)).data)
    assert min(len(dataset.train), len(dataset.heldout), len(dataset.test)) >= dataset.n_classes


def test_users_are_shown_public_names_only() -> None:
    shown = snippets()
    assert len(shown) > 5
    for name, code in shown:
        for node in ast.walk(ast.parse(inspect.cleandoc(code))):
            if isinstance(node, ast.Import):
                assert not [one.name for one in node.names if one.name.startswith("evonas.")], name
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "evonas":
                assert node.module == "evonas", (name, ast.unparse(node))
                assert {one.name for one in node.names} <= set(evonas.__all__), (name, ast.unparse(node))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "evonas":
                assert node.attr in evonas.__all__, (name, ast.unparse(node))


def test_what_public_functions_return_is_public() -> None:
    public = {name: getattr(evonas, name) for name in evonas.__all__}
    ours = {
        word
        for thing in public.values()
        if inspect.isfunction(thing)
        for word in re.findall(r"[A-Z]\w+", str(inspect.signature(thing).return_annotation))
    }
    methods = {
        word
        for thing in (public["Run"], public["Batch"])
        for _, method in inspect.getmembers(thing, inspect.isfunction)
        if not method.__name__.startswith("_")
        for word in re.findall(r"[A-Z]\w+", str(inspect.signature(method).return_annotation))
    }
    assert ours | methods <= {*public, "None", "Path", "DataFrame", "Figure", "Any", "Genome"}
