"""Errors for users, each in three parts: what was wanted, what was found, what to do."""

from __future__ import annotations

import difflib
import errno
import sqlite3
from collections.abc import Iterable

from objectives.display import plain

ROOM = "room on the disk", "make room and repeat the command; what was stored is kept"
RIGHTS = "the right to read and write there", "change the rights or choose another place; what was stored is kept"
REFUSALS = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: ROOM,
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EROFS: RIGHTS,
    errno.EMFILE: ("enough files that may be open at once", "raise the limit (ulimit -n), or set fewer workers"),
    errno.ENFILE: ("enough files that may be open at once", "raise the limit of the machine, or set fewer workers"),
    errno.ENOMEM: ("enough memory", "free some, or set fewer workers"),
    errno.EAGAIN: ("enough processes and threads", "raise the limit (ulimit -u), or set fewer workers"),
    errno.ENAMETOOLONG: ("a path that the file system takes", "shorten it"),
    errno.EIO: ("a disk that works", "check it, and that nothing removes the run's folder; then resume"),
}
"""What was wanted, and what to do, by the number of the operating system's error."""
SQLITE = {"full": errno.ENOSPC, "readonly": errno.EACCES, "unable to open": errno.EACCES}
"""The same by a word of SQLite's messages."""
MOST = 4000  # letters of a part: whoever names a million keys still reads what is wrong with the first ones


class EvonasError(Exception):
    """A mistake that the user can fix. The command line prints it without a traceback and exits with 2.

    Args:
        wanted: What evonas needs, in the user's words.
        found: What it met instead.
        remedy: What to do about it.
    """

    def __init__(self, wanted: str, *, found: str, remedy: str) -> None:
        wanted, found, remedy = (plain(part, most=MOST) for part in (wanted, found, remedy))
        super().__init__(wanted, found, remedy)
        self.wanted, self.found, self.remedy = wanted, found, remedy

    def __str__(self) -> str:
        return f"wanted: {self.wanted}\nfound:  {self.found}\nto do:  {self.remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        """Keyword-only arguments do not survive the default way of sending an exception from a worker."""
        return _rebuild, (type(self), self.wanted, self.found, self.remedy)


class MachineError(EvonasError):
    """The machine gives no room, no memory, or no right for what is asked."""


class RunFileError(EvonasError):
    """The run file or a command-line option holds an unknown key or an impossible value."""


class DataError(EvonasError):
    """The images or labels are missing, malformed, or out of range."""


class RunFileWarning(UserWarning):
    """Something in a run file that means nothing any more, and that holds as it is."""


class DataWarning(UserWarning):
    """Something of a data set is left out, or holds less than it seems to; the search goes on."""


class RunFolderError(EvonasError):
    """A run folder is missing, not empty, or not one that evonas made."""


class GenomeError(EvonasError):
    """A genome has the wrong length, a choice out of range, or decodes to a network that cannot see its input."""


class EvaluationError(EvonasError):
    """No network could be trained or scored."""


class SelectionError(EvonasError):
    """A pick from the front names no network."""


class ExportError(EvonasError):
    """A network cannot be exported, or an exported file cannot be read, run or trusted."""


def _rebuild(kind: type[EvonasError], wanted: str, found: str, remedy: str) -> EvonasError:
    return kind(wanted, found=found, remedy=remedy)


def in_a_line(error: BaseException) -> str:
    """An exception of anybody's code as one line that can be printed and stored: its type, and what it says first."""
    try:
        text = str(error)
    except Exception:  # whose own code may fail, too
        text = "it cannot say what"
    return plain(f"{type(error).__name__}: {text.partition(chr(10))[0]}", most=500)


def of_machine(error: BaseException) -> MachineError | None:
    """What the machine refused, in three parts; None if the error is none of the machine's."""
    found = in_a_line(error)
    text = found.lower()
    if isinstance(error, MemoryError) or ("alloc" in text and isinstance(error, RuntimeError)):
        return MachineError("enough memory", found=found, remedy="free some, or set fewer workers or smaller data")
    if isinstance(error, OSError) and error.errno in REFUSALS:
        wanted, remedy = REFUSALS[error.errno]
        return MachineError(wanted, found=found, remedy=remedy)
    if isinstance(error, OSError):
        return MachineError("files and folders that can be used", found=found, remedy="check the paths and the disk")
    if isinstance(error, sqlite3.OperationalError):
        number = next((number for word, number in SQLITE.items() if word in text), errno.EIO)
        wanted, remedy = REFUSALS[number]
        return MachineError(wanted, found=found, remedy=remedy)
    return None


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known word closest to ``word``, or list all of them: the last part of many messages."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
