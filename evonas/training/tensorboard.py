"""Loss and learning rate of a training, as TensorBoard shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from evonas.errors import RunFileError


@contextmanager
def scalar_log(folder: Path | None, *, learning_rate: Callable[[int], float]) -> Iterator[Callable[[int, float], None]]:
    """Log every update.

    Args:
        folder: Where to; None logs nothing.
        learning_rate: Of the update after so many updates.

    Yields:
        What to call after each update, with the number of updates done and the loss.
    """
    if folder is None:
        yield lambda step, loss: None
        return
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:

        def log(step: int, loss: float) -> None:
            writer.add_scalar("loss", loss, step)
            writer.add_scalar("learning rate", learning_rate(step - 1), step)

        yield log


def check_tensorboard() -> None:
    """Make sure that TensorBoard is installed.

    Raises:
        RunFileError: It is not.
    """
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise RunFileError(
            "the package tensorboard, for tensorboard = true under [training]",
            found=str(error),
            remedy="pip install evonas[tensorboard], or set it to false",
        ) from error
