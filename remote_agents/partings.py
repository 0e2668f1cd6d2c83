"""Requests for whose answers nobody waits, such as what stops the run of a turn that was left."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import TypeAlias
from weakref import WeakKeyDictionary

from remote_agents.flow import Send, Sender
from remote_agents.workers import workers

logger = logging.getLogger(__name__)

AT_EXIT = 5.0  # seconds that a process waits for what is on its way
_under_way: set[Future[None]] = set()


_Tasks: TypeAlias = "set[asyncio.Task[None]]"
# What is on its way in each loop, and what ends it.
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[_Tasks, AsyncGenerator[None, None]]] = (
    WeakKeyDictionary()
)


async def get_ready() -> None:
    """Before `asend_apart`: the end of the loop that runs here will end what is on its way."""
    loop = asyncio.get_running_loop()
    if loop in _loops:
        return
    for other in (ref() for ref in _loops.keyrefs()):
        if other is not None and other.is_closed():  # and was never told to shut down
            _loops.pop(other, None)
    tasks: _Tasks = set()
    _loops[loop] = tasks, (ending := _end_with_loop(loop, tasks))
    await anext(ending)


async def _end_with_loop(
    loop: asyncio.AbstractEventLoop, tasks: _Tasks
) -> AsyncGenerator[None, None]:
    """End what is on its way when the loop shuts down its async generators."""
    try:
        yield
    finally:
        _loops.pop(loop, None)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
        loop = asyncio.get_running_loop()
        if loop in _loops:  # else it ends
            tasks = _loops[loop][0]
            tasks.add(task := loop.create_task(work()))
            task.add_done_callback(tasks.discard)


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
