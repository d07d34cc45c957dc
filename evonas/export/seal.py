"""A file's seal: its format, its version, and a digest that shows when a byte of it is missing or altered."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from evonas.errors import ExportError

VERSION = 1  # of all formats
BLANK = b"0" * 64
DIGEST = re.compile(rb"evonas-sha256:([0-9a-f]{64})")
FORMAT = re.compile(rb"evonas-format:([a-z-]{1,20}) version:(\d{1,9})")
FACTS = re.compile(rb"facts:([A-Za-z0-9+/=]*) ")
REMEDY = "export it again: evonas export RUN --pick ... --format ..."


class Sealed(NamedTuple):
    """A file that was checked.

    Attributes:
        format: Its name in the table of formats.
        raw: All its bytes; of a library, those of the file that seals it.
        facts: Where the network comes from; see :class:`evonas.nets.frozen.FrozenNetwork`.
        files: Of a library: the bytes of its files by path, but for the one that seals it.
    """

    format: str
    raw: bytes
    facts: dict[str, str]
    files: Mapping[str, bytes] = MappingProxyType({})

    @property
    def n_bytes(self) -> int:
        """Of all of it."""
        return len(self.raw) + sum(map(len, self.files.values()))


def unsealed(format_name: str, facts: Mapping[str, str]) -> str:
    """The text that a writer puts into its file, once; :func:`seal` fills in the digest.

    It must lie there as plain bytes, outside of anything that is compressed or has a checksum: in a
    header or a comment.

    Facts are in base64, which means nothing special in any format.
    """
    coded = base64.b64encode(json.dumps(dict(facts)).encode()).decode()
    return f"evonas-format:{format_name} version:{VERSION} facts:{coded} evonas-sha256:{BLANK.decode()}"


def seal(raw: bytes) -> bytes:
    """Fill in the digest: that of the same bytes with zeros in its place."""
    found = [match for match in DIGEST.finditer(raw) if match[1] == BLANK]
    if len(found) != 1:
        raise ValueError(f"{len(found)} places for a digest in an exported file")
    place = found[0].span(1)
    return raw[: place[0]] + hashlib.sha256(raw).hexdigest().encode() + raw[place[1] :]


def read_sealed(path: Path) -> Sealed:
    """Read an exported file and check that it is whole.

    Raises:
        ExportError: There is none, it is not evonas', of another version, truncated or altered.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ExportError("an exported file", found=str(error), remedy="check the path; " + REMEDY) from error
    return checked(raw, path)


def checked(raw: bytes, path: Path) -> Sealed:
    """Check the bytes of an exported file; errors as in :func:`read_sealed`."""
    form, digest = FORMAT.search(raw), DIGEST.search(raw)
    if form is None or digest is None:
        raise ExportError(
            f"a file that evonas exported at {path}",
            found="no seal of evonas in it (or it is truncated)",
            remedy=REMEDY,
        )
    if int(form[2]) != VERSION:
        raise ExportError(
            f"an exported file of version {VERSION} at {path}",
            found=f"version {int(form[2])}",
            remedy=f"use the evonas that wrote it, or {REMEDY}",
        )
    start, end = digest.span(1)
    if hashlib.sha256(raw[:start] + BLANK + raw[end:]).hexdigest().encode() != digest[1]:
        raise ExportError(
            f"{path} as it was exported",
            found=f"{len(raw)} bytes with another digest: truncated or altered",
            remedy=REMEDY,
        )
    coded = FACTS.search(raw, form.end())
    facts = json.loads(base64.b64decode(coded[1])) if coded else {}
    return Sealed(form[1].decode(), raw, facts)
