"""Everyone who is compared, each run in a process of its own until the processor seconds of evonas are used."""

from __future__ import annotations

import json
import math
import multiprocessing
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from evonas.config.load import RunConfig
from evonas.files import write_atomically
from evonas.run import engine
from evonas.run.context import reopen
from evonas.run.lock import alone_with
from evonas.run.problems.network_problem import NetworkProblem
from evonas.run.stages.supernet_stages import SupernetStages
from evonas.spaces.genome import from_text
from evonas.training.hardware import one_thread
from fronts.clock import Clock
from fronts.ledger import Ledger, Row
from fronts.proposals import Proposals, by_gaussian_process, by_tpe, evolution, hand_made, told_error
from fronts.tasks import Task
from objectives import Fidelity
from reports.run_folder.facts import Origin
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import ARCHIVE, NetworkScore

RUN, CLOCK, SPENT = "run", "clock.json", "spent.json"
EVONAS, HALF, RANDOM, AGAIN = "evonas", "half", "random", "again"
MORE = 100_000  # trainings: the clock ends them
OTHER_SEED = 1000  # of one more training of the same networks; beyond the seed of any search here

RIVALS: dict[str, Callable[[NetworkProblem, Task, int, Sequence[Row]], Proposals]] = {
    "hand": hand_made,
    "nsga2": evolution,
    "tpe": by_tpe,
    "gp": by_gaussian_process,
}
TITLES = {
    EVONAS: "evonas",
    HALF: "evonas, half the evaluations",
    RANDOM: "random + last part",
    "hand": "hand-made",
    "nsga2": "NSGA-II, trainings only",
    "tpe": "Optuna TPE, trainings only",
    "gp": "Optuna GPSampler, trainings only",
}
NEED_OPTUNA = ("tpe", "gp")
REPLAYS = ("hand", "nsga2")  # deterministic, so that after a stop they propose the same again, and are answered


@dataclass(frozen=True)
class Spent:
    """What a contender used.

    Attributes:
        seconds: Of the processor.
        wall: On the clock.
        trainings: Whole ones.
        each: Processor seconds of one; 0 where it does not matter.
        starts: How often it was started, 1 without a stop; 0 where a stop costs nothing.
    """

    seconds: float
    wall: float
    trainings: int
    each: float = 0.0
    starts: int = 0


def spent(folder: Path) -> Spent | None:
    """What a contender that is done used; None if it is not done."""
    path = folder / SPENT
    return Spent(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def in_own_process(name: str, task: Task, seed: int, state: Path) -> None:
    """Run a contender to its end, unless it is there already.

    Raises:
        SystemExit: It failed, or evonas has not set the time yet.
    """
    folder = task.folder(state, seed)
    if spent(folder / name) is not None:
        return
    if name not in (EVONAS, HALF) and spent(folder / EVONAS) is None:
        raise SystemExit(f"evonas comes first: its seconds are what {name} may use")
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(name, task, seed, folder))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{name}, seed {seed}, failed; the same call goes on from where it was")


def _run(name: str, task: Task, seed: int, folder: Path) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    with alone_with(folder / name / ".lock", patience=0.0), one_thread():
        if name in (EVONAS, HALF):
            found = _by_evonas(task.config(seed, **_half(task, seed) if name == HALF else {}), folder / name)
        else:
            evonas = spent(folder / EVONAS)
            assert evonas is not None
            if name == RANDOM:
                found = _at_random(task, seed, folder / name, than=evonas)
            elif name == AGAIN:
                found = _again(task, seed, folder)
            else:
                found = _rival(name, task, seed, folder / name, than=evonas)
        write_atomically(folder / name / SPENT, json.dumps(vars(found)).encode())


def _half(task: Task, seed: int) -> dict[str, int]:
    return {"budget": task.config(seed).search.budget // 2}


def _by_evonas(config: RunConfig, folder: Path) -> Spent:
    """A search with all defaults; its time is that of everything: supernet, anchors, scores, proposals, trainings."""
    clock = Clock(folder / CLOCK)
    n = len(trained(_searched(config, folder / RUN, clock)))
    return Spent(clock.seconds, clock.wall, n, clock.of_trainings / n, clock.starts)


def _searched(config: RunConfig, path: Path, clock: Clock) -> RunFolder:
    """A whole run, resumed if it was stopped."""
    if not (path / ARCHIVE).is_file():
        shutil.rmtree(path, ignore_errors=True)  # it was stopped before it began
        run = engine.search(config, path, observer=clock)
    elif not (run := RunFolder(path)).facts().has_reports:
        run = engine.resume(run, observer=clock)
    clock.keep()
    return run


def _at_random(task: Task, seed: int, folder: Path, *, than: Spent) -> Spent:
    """The same search at random, and then the same last part, until it has used as much and trained as many."""
    clock = Clock(folder / CLOCK)
    run = _searched(task.config(seed, algorithm="random", trainings=0), folder / RUN, clock)
    problem = reopen(run).networks
    with alone_with(run.path / "run.toml"), run.opened(), problem.limits():
        stages = SupernetStages(run, problem, clock)

        def may_go_on() -> bool:
            return clock.seconds < than.seconds or len(trained(run)) < than.trainings

        run.store(trainings={})  # none were wanted so far
        stages.deliver(stages.first(), {Origin.SEARCH: MORE}, may_go_on=may_go_on)
    clock.keep()
    return Spent(clock.seconds, clock.wall, len(trained(run)), starts=clock.starts)


def trained(run: RunFolder) -> list[NetworkScore]:
    """Whole trainings of a run that did not fail, those before the search too."""
    return [score for score in run.scores() if score.fidelity == Fidelity.TRAINED and score.quality is not None]


def _rival(name: str, task: Task, seed: int, folder: Path, *, than: Spent) -> Spent:
    """Propose, train, tell, until the time is used; the training that crosses the line counts."""
    problem = task.problem(seed)
    ledger = Ledger(folder, problem)
    proposals = RIVALS[name](problem, task, math.ceil(than.seconds / than.each), tuple(ledger.rows))
    left = list(ledger.rows) if name in REPLAYS else []
    answer: float | None = None
    if name in NEED_OPTUNA:
        import_module("optuna.samplers")  # nobody is charged for what is loaded before the start
    ledger.charge_from_now()
    while left or ledger.seconds < than.seconds:
        try:
            proposal = next(proposals) if answer is None else proposals.send(answer)
        except StopIteration:  # nothing is left to propose
            break
        if left:
            row = left.pop(0)
            assert row["name"] == proposal.name, "what was trained before a stop must be proposed again"
            ledger.charge_from_now()
        else:
            row = ledger.train(proposal.name, proposal.space, proposal.genome, **proposal.facts)
        answer = told_error(row["error"], problem)
    rows = ledger.rows
    return Spent(ledger.seconds, sum(row["wall"] for row in rows), sum(not row["is_repeated"] for row in rows))


def _again(task: Task, seed: int, folder: Path) -> Spent:
    """Train the networks that evonas chose after its search once more, with another seed; charged to nobody."""
    ledger = Ledger(folder / AGAIN, task.problem(seed + OTHER_SEED))
    space = ledger.problem.space
    for score in trained(RunFolder(folder / EVONAS / RUN)):
        if score.expected is not None and score.genome not in ledger.known:
            ledger.train(score.genome, space, from_text(score.genome, space.genes))
    return Spent(ledger.seconds, sum(row["wall"] for row in ledger.rows), len(ledger.rows))
