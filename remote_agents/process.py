"""Which process this is, asked of the system only as it begins, and after each fork."""

from __future__ import annotations

import os

pid = os.getpid()


def _ask_again() -> None:
    global pid
    pid = os.getpid()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ask_again)
