"""Archives and run folders that are damaged or forged: looked at, trained from and resumed, or refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

from drills.damage import changed, damaged, forge
from drills.harness import command
from drills.run_files import written
from drills.small_run import ensure, trace_of, with_trap
from reports.run_folder.folder import RunFolder

COMMANDS = (
    *(
        ("front",),
        ("front", "--format", "json"),
        ("front", "--where", "error < 50%"),
        ("show",),
        ("show", "--pick", "1"),
    ),
    *(("report",), ("compare", "WHOLE"), ("export", "--format", "torch"), ("resume",), ("train", "--epochs", "1")),
)


class Archives:
    """A third of the archives is damaged, a third forged, of the last third run file and other files are."""

    name, full, quick = "archives", 600, 24

    def __init__(self, home: Path) -> None:
        self.home, self.whole = home, ensure(home.parent / "whole")
        self.rows = RunFolder(self.whole).evaluations()

    def case(self, number: int, rng: Random) -> list[str]:
        """See :class:`drills.harness.Part`."""
        folder = self.home / str(number)
        run = Path(shutil.copytree(self.whole, folder / "run"))
        done = self._spoil(run, number % 3, rng)
        first, *rest = rng.choice(COMMANDS)
        arguments = [first, str(run), *(str(self.whole) if word == "WHOLE" else word for word in rest)]
        ended = command(*arguments, cwd=folder)
        faults = [f"{fault} after {done}" for fault in ended.faults]
        if (
            number % 3 == 0
            and first == "front"
            and ended.code == 0
            and not RunFolder(run).evaluations().equals(self.rows)
        ):
            faults.append(f"a damaged number passes: {done}")
        if trace_of(folder).exists():
            faults.append(f"code ran: {' '.join(arguments)} after {done}")
        shutil.rmtree(folder)
        return faults

    def _spoil(self, run: Path, kind: int, rng: Random) -> str:
        archive, run_file = run / "archive.sqlite", run / "run.toml"
        if kind == 0:
            archive.write_bytes(damaged(archive.read_bytes(), rng))
            return "damage of the archive"
        if kind == 1:
            return forge(archive, rng)
        deed = rng.randrange(4)
        if deed == 0:
            run_file.write_bytes(written(changed(RunFolder(run).settings, rng)))
        elif deed == 1:
            run_file.write_bytes(damaged(run_file.read_bytes(), rng))
        elif deed == 2:
            with_trap(run, rng)
        else:
            victim = rng.choice(sorted(path for path in run.rglob("*") if path.is_file() and path != archive))
            victim.write_bytes(damaged(victim.read_bytes(), rng))
            return f"damage of {victim.name}"
        return "another run file"
