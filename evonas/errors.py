"""Errors for users, each in three parts: what was wanted, what was found, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EvonasError(Exception):
    """A mistake that the user can fix. The command line prints it without a traceback and exits with 2.

    Args:
        wanted: What evonas needs, in the user's words.
        found: What it met instead.
        remedy: What to do about it.
    """

    def __init__(self, wanted: str, *, found: str, remedy: str) -> None:
        super().__init__(wanted, found, remedy)
        self.wanted, self.found, self.remedy = wanted, found, remedy

    def __str__(self) -> str:
        return f"wanted: {self.wanted}\nfound:  {self.found}\nto do:  {self.remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        """Keyword-only arguments do not survive the default way of sending an exception from a worker."""
        return _rebuild, (type(self), self.wanted, self.found, self.remedy)


class RunFileError(EvonasError):
    """The run file or a command-line option holds an unknown key or an impossible value."""


class DataError(EvonasError):
    """The images or labels are missing, malformed, or out of range."""


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


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known word closest to ``word``, or list all of them: the last part of many messages."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
