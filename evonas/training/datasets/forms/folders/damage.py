"""Files that cannot be decoded: all of them are counted and named, and left out on request only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning

NAMED = 5  # damaged files that a message names


def tell_damaged(broken: Sequence[tuple[str, str]], n_whole: int, settings: DataConfig, *, kind: str) -> None:
    """Refuse damaged files, or warn of them where ``[data] skip_damaged`` leaves them out.

    Args:
        broken: Where each lies, and what is wrong with it.
        n_whole: How many others there are.
        settings: The run file's ``[data]``.
        kind: What they are, in the singular.

    Raises:
        DataError: There are some, and they are not left out.
    """
    if not broken:
        return
    (where, reason), others = broken[0], ", ".join(name for name, _ in broken[1:NAMED])
    more = f"; also {others}" * bool(others) + " and others" * (len(broken) > NAMED)
    if not settings.skip_damaged:
        raise DataError(
            f"a whole {kind} at {where}",
            found=f"{reason}; damaged are {len(broken)} of {len(broken) + n_whole} {kind}s{more}",
            remedy="copy the files again, or set skip_damaged = true under [data] to do without them",
        )
    warnings.warn(
        f"left out, since they are damaged: {len(broken)} of {len(broken) + n_whole} {kind}s, {where}{more}",
        DataWarning,
        stacklevel=3,
    )
