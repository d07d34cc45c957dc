"""Write docs/reference/run-file.md from the models in evonas/config: ``python docs/make_run_file.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import tomli_w
from pydantic import BaseModel

from evonas.config.load import RunConfig
from evonas.config.space import SPACE_SETTINGS, OwnSpaceConfig

HEAD = """# The run file

A TOML file; every key may be left out. `evonas search run.toml` reads one, and writes the complete one, with every
default filled in, to the run's folder. Unknown keys and impossible values are refused, all at once, with the nearest
known name.

```toml
name = "shirts"

[data]
source = "/data/fashion-mnist"

[search]
constraints = { model_size = 8192 }
budget = 400
```

| key | default | meaning |
| --- | --- | --- |
"""


def page() -> str:
    """The page's text."""
    text, sections = HEAD, ""
    for name, field in RunConfig.model_fields.items():
        if name == "space":
            for model in (*SPACE_SETTINGS.values(), OwnSpaceConfig):
                title, _, doc = (model.__doc__ or "").partition(": ")
                sections += _section(f"`{title}`", doc, model)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            doc = (field.annotation.__doc__ or "").split(": ", 1)[1]
            sections += _section(f"`[{name}]`", doc, field.annotation)
        else:
            text += _row(name, field, RunConfig.model_json_schema()["properties"][name])
    return text + sections


def _section(title: str, doc: str, model: type[BaseModel]) -> str:
    doc = doc[0].upper() + doc[1:].rstrip(".")
    schemas = model.model_json_schema()["properties"]
    rows = "".join(_row(key, inner, schemas[key]) for key, inner in model.model_fields.items())
    return f"\n## {title}\n\n{doc}\n\n| key | default | meaning |\n| --- | --- | --- |\n{rows}"


def _row(key: str, field: Any, schema: dict[str, Any]) -> str:
    default = field.get_default(call_default_factory=True)
    default = list(default) if isinstance(default, tuple) else default
    shown = "{}" if default == {} else tomli_w.dumps({"x": default}).removeprefix("x = ").strip()
    shown = " ".join(shown.replace(",\n]", "]").split()).replace("[ ", "[")
    names = [name for name in get_args(field.annotation) if isinstance(name, str)]
    is_listed = len(names) < 2 or all(name in field.description for name in names)
    listed = "" if is_listed else f"; one of {', '.join(f'`{json.dumps(name)}`' for name in names)}"
    range_ = _range(schema)
    return f"| `{key}` | `{shown}` | {field.description}{listed}{f'; {range_}' if range_ else ''} |\n"


def _range(schema: dict[str, Any]) -> str:
    """What a number may be, by its JSON schema."""
    for node in (schema, *schema.get("anyOf", [])):
        if node.get("type") in ("integer", "number"):
            low = f"{node['minimum']:,}" if "minimum" in node else f"above {node['exclusiveMinimum']:,}"
            high = f"{node['maximum']:,}" if "maximum" in node else f"below {node['exclusiveMaximum']:,}"
            return f"{low} to {high}"
    return ""


if __name__ == "__main__":
    (Path(__file__).parent / "reference" / "run-file.md").write_text(page(), encoding="utf-8")
