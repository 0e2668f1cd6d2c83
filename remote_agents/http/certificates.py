"""Bundles of certificates on disk, which may be replaced while we run."""

from __future__ import annotations

import logging
import os
import ssl
import time
import weakref
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

from remote_agents.errors import ConfigurationError

logger = logging.getLogger(__name__)

LOOK_EVERY = 20.0  # seconds
Stamp: TypeAlias = "tuple[tuple[int, int, int], ...]"

_due: dict[object, float] = {}


class Renewable(ssl.SSLContext):
    """The TLS context of some settings, which trusts what their files hold now and nothing else.

    A context can be told to trust more, never less: so each connection is made by one within,
    which is made anew when a file was replaced. Connections that are open are left as they are.

    Args:
        make: Makes the context within; ConfigurationError where a file cannot be read.
        verify: The settings: True, or the path of a bundle or of a folder of them.
    """

    _all: ClassVar[weakref.WeakValueDictionary[int, Renewable]] = weakref.WeakValueDictionary()

    def __new__(cls, *_: object) -> Renewable:
        """A context of TLS for clients."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, make: Callable[[], ssl.SSLContext], verify: object) -> None:
        self._make, self._verify = make, verify
        self._stamps = _stamps(verify)
        self._within = make()
        self._all[id(self)] = self

    @classmethod
    def of(cls, verify: object) -> list[Renewable]:
        """All that there are with these settings."""
        living = [context for ref in cls._all.valuerefs() if (context := ref()) is not None]
        return [context for context in living if context._verify == verify]

    def renew(self) -> None:
        """Make the context within anew, if a file was replaced since."""
        stamps = _stamps(self._verify)
        if not any(stamp and stamp != self._stamps.get(path) for path, stamp in stamps.items()):
            return
        try:
            self._within = self._make()
        except ConfigurationError as error:  # half written: it is looked at again
            logger.warning(
                "The certificates of %s cannot be read now (%s); what they were before is trusted.",
                ", ".join(stamps),
                error.__cause__,
            )
        else:
            self._stamps = stamps

    def set_alpn_protocols(self, protocols: Any) -> None:
        """As of any context."""
        self._within.set_alpn_protocols(protocols)

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """As of any context."""
        return self._within.wrap_socket(*args, **options)

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """As of any context."""
        return self._within.wrap_bio(*args, **options)


def is_due(verify: object) -> bool:
    """Whether it is time to look at the files of some TLS settings; it costs no file access."""
    return _has_files(verify) and time.monotonic() >= _due.get(verify, 0.0)


def reload_changed(verify: object) -> None:
    """Trust what the files of these settings hold now, if they were replaced."""
    _due[verify] = time.monotonic() + LOOK_EVERY
    for context in Renewable.of(verify):
        context.renew()


def _has_files(verify: object) -> bool:
    return isinstance(verify, (str, os.PathLike)) or (
        verify is True and bool(_paths_in_environment())
    )


def _paths_in_environment() -> list[str]:
    names = (os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    return [name for name in names if name]


def _stamps(verify: Any) -> dict[str, Stamp]:
    """What tells each file from the one before it; nothing of one that is not there just now."""
    return {
        path: _stamp(path)
        for path in (_paths_in_environment() if verify is True else [os.fspath(verify)])
    }


def _stamp(path: str) -> Stamp:
    try:
        found = [os.stat(path)]
        if os.path.isdir(path):
            found += [os.stat(os.path.join(path, name)) for name in sorted(os.listdir(path))]
    except OSError:
        return ()
    return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)
