"""Threads for what blocks, so that whoever waits for it can stop waiting.

They are daemons: what hangs in one keeps neither an event loop nor the process from ending.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, TimeoutError as NotInTime
from contextvars import Context, copy_context
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias, TypeVar

from remote_agents.flow import DeadlineReached

T = TypeVar("T")
Job: TypeAlias = "tuple[Future[Any], Context, Callable[[], Any]]"
KEPT = 5.0  # seconds that a thread waits for more to do


class Workers:
    """As many threads as there are jobs, used again by those that follow soon."""

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[Job]] = []
        self._lock = threading.Lock()

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Run something in a thread, in the caller's context; it cannot be called off."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        task: Job = (future, copy_context(), job)
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        if idle is not None:
            idle.put(task)
        else:
            threading.Thread(
                target=self._work, args=(task,), name="remote-agents-worker", daemon=True
            ).start()
        return future

    def call(self, job: Callable[[], T], within: float | None) -> T:
        """Run something in a thread, and wait for it.

        Raises:
            DeadlineReached: It takes longer; it goes on, and nobody hears of its outcome.
        """
        future = self.submit(job)
        try:
            return future.result(within)
        except NotInTime:
            if future.done():
                raise
            raise DeadlineReached from None

    async def acall(self, job: Callable[[], T], within: float | None) -> T:
        """The same as `call`, with asyncio; without a loop, for what outlived its own, `call`."""
        if not _in_a_loop():
            return self.call(job, within)
        waiting = asyncio.wrap_future(self.submit(job))
        try:
            await asyncio.wait([waiting], timeout=within)
            if waiting.done():
                return waiting.result()
        finally:
            waiting.cancel()  # the loop may end before the job does
        raise DeadlineReached

    def _work(self, task: Job) -> None:
        jobs: SimpleQueue[Job] = SimpleQueue()
        while True:
            _run(*task)
            del task  # what it holds must not outlive it
            with self._lock:
                self._idle.append(jobs)
            try:
                task = jobs.get(timeout=KEPT)
            except Empty:
                with self._lock:
                    if jobs in self._idle:
                        self._idle.remove(jobs)
                        return
                task = jobs.get()  # it was just given


def _run(future: Future[Any], context: Context, job: Callable[[], Any]) -> None:
    try:
        result = context.run(job)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


workers = Workers()


def _forget_after_fork() -> None:
    """A forked child has none of its parent's threads."""
    Workers.__init__(workers)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


async def awaited(value: Awaitable[T], within: float | None) -> T:
    """What an awaitable gives, if it does within so many seconds.

    Raises:
        DeadlineReached: It does not.
    """
    if within is None:
        return await value
    task = asyncio.ensure_future(value)
    try:
        await asyncio.wait([task], timeout=within)
        if task.done():
            return task.result()
    finally:
        task.cancel()
    raise DeadlineReached
