"""Which process this is, asked of the system only as it begins, and after each fork."""

from __future__ import annotations

import os

_id = os.getpid()


def process_id() -> int:
    """The id of this process, without a call of the system in each turn."""
    return _id


def _ask_again() -> None:
    global _id
    _id = os.getpid()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ask_again)
