"""Environments that nobody thought of: homes, languages, names and limits; commands work in them, or say why not."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import tomli_w

from drills.harness import Ended
from drills.run_files import OWN, SMALL

ROOT = Path(__file__).parents[2]
ENVIRONMENTS: tuple[dict[str, str | None], ...] = (
    {},
    {"HOME": None},
    {"HOME": "/nonexistent"},
    {"HOME": "/dev/null"},
    {"TMPDIR": "/nonexistent"},
    {"LANG": "C", "LC_ALL": "C"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LANG": "tr_TR.UTF-8"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp437"},
    {"PYTHONIOENCODING": "utf-16"},
    {"COLUMNS": "1"},
    {"COLUMNS": "x", "TERM": "dumb"},
    {"PATH": ""},
    {"PYTHONWARNINGS": "error::DeprecationWarning"},
    {"OMP_NUM_THREADS": "x"},
    {"TZ": "Nowhere/At_All"},
    {"XDG_STATE_HOME": "relative"},
)
NAMES = (
    "run",
    "a b",
    "-x",
    "ü漢",
    "it's",
    '"q"',
    "a\nb",
    "$HOME",
    "%20?#",
    "n" * 200,
    ";ls",
    "*",
    "~",
    os.fsdecode(b"\xff"),
)
TRAPS = ("joblib", "pickle", "json", "numpy", "torch", "evonas", "objectives", "signal", "sitecustomize")


def _few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))


def _little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))


def _no_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


LIMITS: tuple[Callable[[], None], ...] = (_few_files, _little_memory, _no_files)


class Environments:
    """A search, a look and a resume in each, in processes of their own."""

    name = "environments"
    full = len(ENVIRONMENTS) + len(NAMES) + len(LIMITS) + 2
    quick = 2

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "own.py").write_text(OWN, encoding="utf-8")
        raw = {"name": "formula", "space": {"kind": f"{home}/own.py:OWN"}, "search": SMALL, "compute": {"workers": 1}}
        (home / "run.toml").write_text(tomli_w.dumps(raw), encoding="utf-8")

    def case(self, number: int, rng: Random) -> list[str]:
        """See :class:`drills.harness.Part`."""
        folder = self.home / str(number)
        folder.mkdir()
        tried: list[tuple[dict[str, str | None], str, Callable[[], None] | None]] = [
            *((env, "run", None) for env in ENVIRONMENTS),
            *(({}, name, None) for name in NAMES),
            *(({}, "run", limit) for limit in LIMITS),
            *(({}, "run", None) for _ in range(2)),
        ]
        env, name, limit = tried[number % self.full] if self.full > number else rng.choice(tried)
        if number >= self.full - 2:
            for trap in TRAPS:
                (folder / f"{trap}.py").write_text(
                    f"open({str(folder / 'trace')!r}, 'a').write({trap!r})", encoding="utf-8"
                )
        out = f"./{name}"
        faults: list[str] = []
        for words in (
            ("search", str(self.home / "run.toml"), "--out", out),
            ("front", out),
            ("resume", out, "--workers", "2"),
        ):
            ended = _called(words, folder, env, limit)
            faults += ended.faults
            if limit is None and ended.code and "--trust-code" not in ended.err:
                faults.append(f"exit {ended.code}: {words}: {ended.err[-300:]}")
        if (folder / "trace").exists():
            faults.append("a module of the working folder ran: " + (folder / "trace").read_text(encoding="utf-8"))
        return [f"{fault} ({env or name!r}, {limit})" for fault in faults]


def _called(words: tuple[str, ...], cwd: Path, env: dict[str, str | None], limit: Callable[[], None] | None) -> Ended:
    whole = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name, value in env.items():
        whole.pop(name, None)
        if value is not None:
            whole[name] = value
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "evonas", *words],
            cwd=cwd,
            env=whole,
            capture_output=True,
            check=False,
            timeout=120,
            preexec_fn=limit,
        )
    except subprocess.TimeoutExpired:
        return Ended(words, -1000, "", "")
    encoding = "utf-16" if env.get("PYTHONIOENCODING") == "utf-16" else "utf-8"
    return Ended(words, done.returncode, *(one.decode(encoding, "replace") for one in (done.stdout, done.stderr)))
