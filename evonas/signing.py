"""Whether a text was written by this user on this machine: signed with a key that lies in the home folder alone."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

LENGTH = 32  # bytes of a key


def signature(text: str) -> str:
    """This user's signature of a text, as hexadecimal digits; empty where no key can be kept."""
    key = _key(may_make=True)
    return _signed(key, text) if key else ""


def is_own(text: str, signed: str) -> bool:
    """Whether this user signed a text on this machine."""
    key = _key(may_make=False)
    return bool(key) and bool(signed) and hmac.compare_digest(_signed(key, text).encode(), signed.encode())


def _signed(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(errors="backslashreplace"), hashlib.sha256).hexdigest()


def _key(*, may_make: bool) -> bytes:
    """The key; made on first use, and empty where it cannot be."""
    try:
        path = _folder() / "key"
        if may_make and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _make(path)
        key = path.read_bytes()
    except (OSError, RuntimeError):  # RuntimeError: nobody knows where home is
        return b""
    return key if len(key) == LENGTH else b""


def _make(path: Path) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(LENGTH))
        try:
            os.link(partial, path)  # never over a key of another process, which may have signed already
        except FileExistsError:
            return
        except OSError:  # a file system without links
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _folder() -> Path:
    given = os.environ.get("XDG_STATE_HOME", "")
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state") / "evonas"
