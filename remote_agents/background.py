"""Tasks that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

_running: set[asyncio.Task[None]] = set()  # an event loop holds its tasks weakly


def begin(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, with nobody who holds or awaits it.

    Args:
        loop: The event loop that runs here.
        work: The coroutine.
    """
    task = loop.create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
