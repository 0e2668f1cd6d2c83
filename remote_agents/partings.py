"""Requests for whose answers nobody waits, such as what stops the run of a turn that was left."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress

from remote_agents.background import begin
from remote_agents.flow import Send, Sender
from remote_agents.workers import workers

logger = logging.getLogger(__name__)

AT_EXIT = 5.0  # seconds that a process waits for what is on its way
_under_way: set[Future[None]] = set()


def send_apart(client: Sender, make: Callable[[], Send | None]) -> None:
    """Send in a thread; only the end of the process waits for it, and not for long."""
    if (op := _made(make)) is None:
        return

    def work() -> None:
        try:
            client.open_response(op).release()
        except Exception as error:
            _log(error)

    with suppress(RuntimeError):  # the process is past its end
        _under_way.add(future := workers.submit(work))
        future.add_done_callback(_under_way.discard)


def asend_apart(client: Sender, make: Callable[[], Send | None]) -> None:
    """The same as a task of the event loop that runs here, whose end ends it."""
    if (op := _made(make)) is None:
        return

    async def work() -> None:
        try:
            await (await client.aopen_response(op)).arelease()
        except Exception as error:
            _log(error)

    with suppress(RuntimeError):  # there is no loop any more
        begin(asyncio.get_running_loop(), work())


def _made(make: Callable[[], Send | None]) -> Send | None:
    try:
        return make()
    except Exception as error:  # of a service's own code
        _log(error)
        return None


def _log(error: Exception) -> None:
    logger.debug("A run that was left could not be stopped: %s", type(error).__name__)


@atexit.register
def _wait_at_exit() -> None:
    wait(_under_way, timeout=AT_EXIT)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_under_way.clear)
