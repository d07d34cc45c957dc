"""evonas batch and evonas compare, as they are typed."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Here
from tests.support.own_problem import BOWL


def test_a_batch_from_a_plan_to_its_comparison(here: Here, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(BOWL, encoding="utf-8")
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f"""
compute.workers = 1
[run]
space.kind = "{tmp_path / "own.py"}:BOWL"
search = {{ objectives = ["near", "far"], budget = 20, population = 8, predictors = [] }}
[grid]
search.algorithm = ["nsga2", "random"]
""",
        encoding="utf-8",
    )
    done = here("batch", plan, "--out", tmp_path / "batch")
    assert done.returncode == 0, done.stderr
    assert "nsga2" in done.stdout
    assert "compare.html" in done.stdout
    again = here("resume", tmp_path / "batch")
    assert again.stdout == done.stdout
    compared = here("compare", tmp_path / "batch" / "nsga2", tmp_path / "batch" / "random", "--out", tmp_path / "page")
    assert compared.stdout.partition("page:")[0] == done.stdout.partition("page:")[0]
    assert (tmp_path / "page" / "compare.html").is_file()


def test_mistakes_are_told_in_three_parts(here: Here, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("[grid]\nsearch.bugdet = [1, 2]\n", encoding="utf-8")
    failed = here("batch", plan)
    assert failed.returncode == 2
    assert "wanted:" in failed.stderr
    assert "budget" in failed.stderr
    assert here("compare", tmp_path).returncode == 2
