"""Loss and learning rate of a training, as TensorBoard shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evonas.errors import RunFileError


@contextmanager
def scalar_log(folder: Path | None, *, learning_rate: Callable[[int], float]) -> Iterator[Callable[[int, float], None]]:
    """Log every step.

    Args:
        folder: Where to; None logs nothing.
        learning_rate: From steps done to the rate of the next step.

    Yields:
        What to call after each step, with the number of steps done and the loss.

    Raises:
        RunFileError: TensorBoard is not installed.
    """
    if folder is None:
        yield lambda step, loss: None
        return
    with summary_writer()(str(folder)) as writer:

        def log(step: int, loss: float) -> None:
            writer.add_scalar("loss", loss, step)
            writer.add_scalar("learning rate", learning_rate(step - 1), step)

        yield log


def summary_writer() -> Any:
    """Torch's writer of TensorBoard's files, an optional extra.

    Raises:
        RunFileError: It is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise RunFileError(
            "the package tensorboard, for tensorboard = true under [training]",
            found=str(error),
            remedy="pip install evonas[tensorboard], or set it to false",
        ) from error
    return SummaryWriter
