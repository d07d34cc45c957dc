"""A file of a user's own that a run file may name: a search space, as a function without networks."""

from __future__ import annotations

BOWL = """
from evonas.spaces import Problem

def bowl(chosen):
    values = [int(label) for label in chosen.values()]
    return {"near": float(sum((value - 2) ** 2 for value in values)), "far": float(41 - sum(values))}

BOWL = Problem({name: tuple("01234567") for name in "abcd"}, bowl, objectives=["near", "far"])
"""
