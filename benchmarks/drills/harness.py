"""Commands of evonas in processes of their own, and what counts as a fault of one."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from evonas import cli
from evonas.plugins import resolve

for module in ("cli.search_actions", "cli.inspect_actions", "cli.deploy_actions", "run.problems.network_problem"):
    resolve(f"evonas.{module}:__name__")  # once here, and not in every fork
for module in ("workflows.export_picks", "workflows.train_picks", "workflows.trust", "run.stages.supernet_stages"):
    resolve(f"evonas.{module}:__name__")

MEMORY = 6 << 30  # bytes of addresses that a command may ask for: torch alone takes two
SECONDS = 30.0  # that a command may take; a search may take longer, but must heed Ctrl-C then
HUNG = -1000


class Part(Protocol):
    """One kind of input.

    Args:
        home: An empty folder, in one that all parts share.
    """

    name: str
    full: int
    """Cases of a full drill."""
    quick: int

    def __init__(self, home: Path) -> None: ...

    def case(self, number: int, rng: Random) -> list[str]:
        """Try one case, and say what went wrong."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        arguments: Of the command line.
        code: Its exit status; minus the signal that killed it, or ``HUNG``.
        out, err: What it printed.
    """

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def faults(self) -> list[str]:
        """What must not be, whatever the input was."""
        words = " ".join(self.arguments)[:200]
        last = (self.err.strip().splitlines() or [""])[-3:]
        found = []
        if self.code == HUNG:
            return [f"hangs: {words}"]
        if "Traceback" in self.err or "Traceback" in self.out:
            found.append(f"traceback: {words}: {last}")
        if "unexpected error" in self.err:
            found.append(f"unexpected: {words}: {last}")
        if self.code not in (0, 1, 2, 130):
            found.append(f"exit {self.code}: {words}: {last}")
        if self.code == 2 and not ("wanted: " in self.err and "to do: " in self.err) and "Usage:" not in self.err:
            found.append(f"not told in three parts: {words}: {last}")
        if len(self.err) > 100_000:
            found.append(f"{len(self.err):,} letters of message: {words}")
        if "\x1b" in self.out + self.err:
            found.append(f"escape sequences: {words}")
        return found


def command(
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    before: Callable[[], None] | None = None,
) -> Ended:
    """Run a command in a fork of this process, which spares loading evonas again.

    Args:
        arguments: As after ``evonas``.
        cwd: The working folder; what is printed goes beside it.
        env: More environment.
        seconds: After which it is interrupted, as by Ctrl-C; it hangs if that does not end it.
        before: Called in the fork first.
    """
    words = tuple(map(str, arguments))
    out, err = (cwd.parent / f"{cwd.name}.{kind}" for kind in ("out", "err"))
    pid = os.fork()
    if pid == 0:
        _become(words, cwd, env or {}, out, err, before)
    return Ended(words, waited(pid, seconds), *(one.read_text("utf-8", "replace") for one in (out, err)))


def waited(pid: int, seconds: float) -> int:
    """The exit status of a child, which is killed with all of its own after some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    for number, patience in ((signal.SIGINT, 20.0), (signal.SIGKILL, 5.0)):  # what is only long can be interrupted
        os.killpg(pid, number)
        until = time.monotonic() + patience
        while time.monotonic() < until:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done and number == signal.SIGINT:
                return os.waitstatus_to_exitcode(status)
            if done:
                break
            time.sleep(0.01)
    return HUNG


def _become(
    words: tuple[str, ...],
    cwd: Path,
    env: Mapping[str, str],
    out: Path,
    err: Path,
    before: Callable[[], None] | None,
) -> None:
    """Be that command; never returns."""
    code = 1
    try:
        os.setsid()
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
        os.chdir(cwd)
        os.environ.update(env)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        sys.argv = ["evonas", *words]
        if before is not None:
            before()
        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
