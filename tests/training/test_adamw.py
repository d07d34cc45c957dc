"""The lean AdamW against torch's: the same numbers to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from evonas.training.adamw import FusedAdamW

Make = Callable[[list[dict[str, Any]]], torch.optim.Optimizer]
STEPS = 6


def torch_s(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, fused=True)


def trained(*makes: Make) -> tuple[list[Tensor], torch.optim.Optimizer]:
    """Parameters after some steps, with each of the optimizers in turn; some have no gradient in some steps."""
    generator = torch.Generator().manual_seed(0)
    parameters = [nn.Parameter(torch.randn(n + 1, 3, generator=generator)) for n in range(5)]

    def made(make: Make) -> torch.optim.Optimizer:
        return make(
            [
                {"params": parameters[:3], "lr": 0.1, "weight_decay": 0.1},
                {"params": parameters[3:], "lr": 0.02, "weight_decay": 0.0},
            ]
        )

    optimizer = made(makes[0])
    for make in makes:
        following = made(make)
        following.load_state_dict(optimizer.state_dict())
        optimizer = following
        for step in range(STEPS):
            for index, parameter in enumerate(parameters):
                gradient = torch.randn(parameter.shape, generator=generator)
                parameter.grad = None if step % 3 == 1 and index % 2 else gradient
            optimizer.step()
    return [parameter.detach() for parameter in parameters], optimizer


def test_steps_are_torch_s_to_the_bit() -> None:
    mine, my_optimizer = trained(FusedAdamW)
    theirs, their_optimizer = trained(torch_s)
    assert all(map(torch.equal, mine, theirs))
    states = (my_optimizer.state_dict()["state"], their_optimizer.state_dict()["state"])
    assert states[0].keys() == states[1].keys()
    for index, state in states[0].items():
        assert all(torch.equal(state[name], states[1][index][name]) for name in ("step", "exp_avg", "exp_avg_sq"))


def test_either_goes_on_from_the_other_s_state() -> None:
    expected, _ = trained(torch_s, torch_s)
    for makes in ((FusedAdamW, torch_s), (torch_s, FusedAdamW), (FusedAdamW, FusedAdamW)):
        assert all(map(torch.equal, trained(*makes)[0], expected))


def test_a_parameter_that_was_never_used_is_left_alone() -> None:
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = FusedAdamW([{"params": [used, unused], "lr": 0.1, "weight_decay": 0.5}])
    used.grad = torch.ones(2)
    optimizer.step()
    assert torch.equal(unused.detach(), torch.ones(2))
    assert not torch.equal(used.detach(), torch.ones(2))
