"""Objects by name: a user's own from ``"my_costs.py:Energy"``, evonas' own from ``"module:name"``.

The working folder stays off ``sys.path``.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, TypeVar

from cloudpickle import register_pickle_by_value

from evonas.errors import RunFileError, in_a_line

T = TypeVar("T")


@contextmanager
def kept_running() -> Iterator[None]:
    """Let ``sys.exit()`` in code of the user's own end nothing in silence.

    Raises:
        RunFileError: It was called.
    """
    try:
        yield
    except SystemExit as error:
        raise RunFileError(
            "code of your own that returns or raises",
            found=f"sys.exit({'' if error.code is None else repr(error.code)[:80]}) in it",
            remedy="take that out; a failure is told by any other exception",
        ) from error


def is_path(name: str) -> bool:
    """Whether a name means a user's own object in a file."""
    return ".py:" in name


def resolve(name: str) -> Any:
    """An object of evonas' own by ``"module:name"``: tables name what is loaded only where it is needed."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


def load_object_or_class(name: str, kind: type[T]) -> T | type[T]:
    """Take an object of a kind, or a class that makes such objects; see :func:`load_object`."""
    found = load_object(name, object)
    if isinstance(found, kind) or (isinstance(found, type) and issubclass(found, kind)):
        return found
    raise RunFileError(
        f"a {kind.__name__}, as a class or an object, at {name}",
        found=type(found).__name__,
        remedy="correct the path or the name; a relative path starts where evonas was called",
    )


def load_object(name: str, kind: type[T]) -> T:
    """Run a Python file and take an object from it.

    Args:
        name: ``path/to/file.py:NAME``.
        kind: What the object must be an instance of.

    Raises:
        RunFileError: No such file or name, or an object of another kind.
    """
    file, _, attribute = name.rpartition(":")
    path = Path(file).expanduser().resolve()
    wanted = f"{kind.__name__} named {attribute} in {path}"
    remedy = "correct the path or the name; a relative path starts where evonas was called"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunFileError(wanted, found=f"no such file: {error}", remedy=remedy) from error
    # the content belongs to the name, so that an edited file is another module
    digest = hashlib.sha256(str(path).encode() + b"\n" + content).hexdigest()
    module_name = f"_evonas_user_{path.stem}_{digest[:12]}"
    if module_name not in sys.modules:
        spec = spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise RunFileError(wanted, found="a file that is no Python", remedy=remedy)
        sys.modules[module_name] = module = module_from_spec(spec)  # before it runs: dataclasses look themselves up
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[module_name]
            raise RunFileError(
                wanted, found=in_a_line(error).replace(":", " while running it:", 1), remedy="correct that file"
            ) from error
        register_pickle_by_value(module)  # workers have no such module, so its code is sent to them
    found = getattr(sys.modules[module_name], attribute, None)
    if found is None or not isinstance(found, kind):
        raise RunFileError(wanted, found="nothing" if found is None else type(found).__name__, remedy=remedy)
    return found
