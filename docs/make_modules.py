"""Write docs/reference/modules.md, every file with its caption, from the files: ``python docs/make_modules.py``."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("evonas", "surrogates", "objectives", "reports")
HEAD = """# Modules

Every file of the four packages with the first line of its docstring. Which room may import which stands in
[ARCHITECTURE.md](../../ARCHITECTURE.md).
"""


def page() -> str:
    """The page's text."""
    text = HEAD
    for package in PACKAGES:
        for room in sorted((ROOT / package).rglob("__init__.py")):
            folder = room.parent
            text += f"\n## `{folder.relative_to(ROOT).as_posix()}/`\n\n{caption(room)}\n\n"
            files = sorted(path for path in folder.glob("*.py") if path.name not in ("__init__.py", "__main__.py"))
            text += "| file | what it is |\n| --- | --- |\n" if files else ""
            text += "".join(f"| `{path.name}` | {caption(path)} |\n" for path in files)
    return text


def caption(path: Path) -> str:
    """The first line of a file's docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n", 1)[0].replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    (ROOT / "docs" / "reference" / "modules.md").write_text(page(), encoding="utf-8")
