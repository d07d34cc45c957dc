"""How many networks a search trains where the run file says nothing."""

from __future__ import annotations

import pytest

from evonas.config.load import RunConfig, parse_config
from evonas.run.problems.training_choice import with_trainings


def config(**sections: dict[str, object]) -> RunConfig:
    return parse_config(sections, source="tests")


@pytest.mark.parametrize(
    ("n_images", "epochs", "trainings", "has_brief_trainings"),
    [
        (1_149, 30, 39, False),  # digits: 17 steps an epoch
        (1_149, 2, 40, False),
        (12_800, 10, 12, True),  # 2,000 steps each
        (12_800, 9, 12, False),
        (50_000, 200, 12, True),
    ],
)
def test_short_trainings_are_many_and_long_ones_are_halved(
    n_images: int, epochs: int, trainings: int, has_brief_trainings: bool
) -> None:
    found = with_trainings(config(training={"epochs": epochs}), n_images).search
    assert (found.trainings, found.has_brief_trainings) == (trainings, has_brief_trainings)


def test_what_the_run_file_says_stays() -> None:
    found = with_trainings(config(search={"trainings": 0, "has_brief_trainings": True}), 1_000).search
    assert (found.trainings, found.has_brief_trainings) == (0, True)
