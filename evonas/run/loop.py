"""Ask, evaluate, tell, generation by generation, until the search ends."""

from __future__ import annotations

import itertools

import numpy as np

from evonas.run.state import SearchState, check_alive
from evonas.run.stopping import StopReason
from evonas.spaces.genome import Genomes
from reports.run_folder.facts import Origin
from reports.run_folder.schema import Evaluation


def generational(state: SearchState) -> StopReason:
    """Search until the run file says stop; a resumed run answers from the archive, and gets the same result."""
    state.announce()
    for generation in itertools.count():
        asked = state.algorithm.ask()
        if len(asked) == 0:
            return StopReason.SPACE_EXHAUSTED
        answers, is_cut_short = _evaluate(state, asked, generation)
        state.rows += answers
        state.front.add(answers)
        state.keep_facts()
        if is_cut_short or (len(state.rows) == state.ended_after and not state.was_entered):
            state.run.store(time_spent_after=len(state.rows))
            return StopReason.TIME_SPENT
        counts = {"n": len(state.rows), "n_new": len(answers), "stage": state.stage.number}
        reason = state.stopping.after(generation, **counts, volume=state.front.volume)
        if reason is not None:
            return reason
        if expansions := state.earned():
            state.enter(expansions, generation)
    raise AssertionError("generations never end by themselves")


def _evaluate(state: SearchState, asked: Genomes, generation: int) -> tuple[list[Evaluation], bool]:
    """Evaluate genomes within the bounds known before, tell the algorithm; also returns whether time ran out."""
    counted = state.costs.columns(asked)
    points, violations = state.costs.objectives_and_violations(counted, len(asked))
    is_within = state.costs.within_bounds(violations)
    genomes = asked[is_within][: (state.ended_after or state.settings.budget) - len(state.rows)]
    note = f"generation {generation}, hypervolume {state.front.volume:.3f}"
    answers: list[Evaluation] = []
    for row in state.evaluator.evaluate(
        genomes, origin=Origin.SEARCH, generation=generation, may_go_on=lambda: state.may_go_on
    ):
        answers.append(row)
        state.observer.advance(len(state.rows) + len(answers), note=note)
    alive = [row for row in answers if row.is_ok]
    if alive and not any(row.is_ok for row in state.rows):
        state.set_scale(alive)
        points, violations = state.costs.objectives_and_violations(counted, len(asked))
    elif answers and not alive and (is_within.all() or len(state.rows) >= state.settings.population):
        check_alive([*state.rows, *answers], "evaluations so far")
    told = zip(state.told(alive), (asked[~is_within], points[~is_within], violations[~is_within]), strict=True)
    state.algorithm.tell(*(np.concatenate(pair) for pair in told))
    return answers, len(answers) < len(genomes)
