"""Bundles of certificates on disk, which may be replaced while we run."""

from __future__ import annotations

import logging
import os
import ssl
import time
from typing import Any, TypeAlias

logger = logging.getLogger(__name__)

LOOK_EVERY = 20.0  # seconds
Stamp: TypeAlias = "tuple[int, int, int] | None"

_due: dict[Any, float] = {}
_stamps: dict[str, Stamp] = {}


def is_due(verify: object) -> bool:
    """Whether it is time to look at the files of some TLS settings; it costs no file access."""
    return time.monotonic() >= _due.get(verify, 0.0) if _has_files(verify) else False


def look(verify: object) -> list[str]:
    """Which files of these settings were replaced since they were looked at last."""
    _due[verify] = time.monotonic() + LOOK_EVERY
    return [path for path in _files(verify) if _is_new(path)]


def load(context: ssl.SSLContext, path: str) -> None:
    """Trust what a file, or a folder, holds now as well."""
    folder = os.path.isdir(path)
    try:
        context.load_verify_locations(
            cafile=None if folder else path, capath=path if folder else None
        )
    except OSError as error:
        _stamps.pop(path, None)
        logger.warning("%s cannot be read any more (%s); what it held is trusted.", path, error)


def _has_files(verify: object) -> bool:
    return isinstance(verify, (str, os.PathLike)) or (verify is True and bool(_named()))


def _named() -> list[str]:
    names = (os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    return [name for name in names if name]


def _files(verify: Any) -> list[str]:
    return _named() if verify is True else [os.fspath(verify)]


def _is_new(path: str) -> bool:
    try:
        about = os.stat(path)
    except OSError:
        return False
    stamp = (about.st_mtime_ns, about.st_size, about.st_ino)
    before = _stamps.setdefault(path, stamp)
    _stamps[path] = stamp
    return before != stamp
