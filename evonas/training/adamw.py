"""AdamW with less around it: small networks have many small parameters, and half of its time was bookkeeping."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class FusedAdamW(torch.optim.AdamW):
    """torch's fused AdamW on a CPU: the same kernel, state and numbers, without what every step prepares anew.

    Parameters without a gradient are left alone, as ever. Momentum is kept as torch names it, so that either optimizer
    goes on from the other's checkpoint.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, fused=True)
        self._whole: dict[int, tuple[list[Tensor], ...]] = {}  # of groups all of whose parameters have a gradient

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; ``closure`` is there for torch's signature only."""
        assert closure is None
        for index, group in enumerate(self.param_groups):
            used = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not used:
                continue
            kept = self._whole.get(index)
            if kept is None or len(used) < len(group["params"]):
                states = [self._state_of(parameter) for parameter in used]
                kept = tuple([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step"))
                if len(used) == len(group["params"]):
                    self._whole[index] = kept
            means, squares, steps = kept
            torch._foreach_add_(steps, 1)
            beta1, beta2 = group["betas"]
            torch._fused_adamw_(
                used,
                [parameter.grad for parameter in used],
                means,
                squares,
                [],
                steps,
                amsgrad=False,
                lr=group["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
            )

    def load_state_dict(self, state_dict: Any) -> None:
        """See torch's."""
        super().load_state_dict(state_dict)
        self._whole.clear()

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state
