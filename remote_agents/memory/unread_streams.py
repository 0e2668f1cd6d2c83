"""Streams that nobody reads on: whether one is, and its end when the session is needed."""

from __future__ import annotations

import asyncio
import threading
import weakref
from contextlib import suppress
from typing import Any, TypeAlias

from remote_agents.background import begin
from remote_agents.errors import ConversationError
from remote_agents.flow import StreamConsumer
from remote_agents.memory.loops import Loops

Caller: TypeAlias = "tuple[int, weakref.ref[asyncio.Task[Any]] | None]"


class SessionStreamConsumer(StreamConsumer):
    """How one turn's stream is read.

    Args:
        title: What its caller calls the session.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._loops: Loops | None = None
        self._reader: Caller | None = None

    def begin(self) -> None:
        """Remember which loops read it."""
        self._loops, self._reader = Loops(), _caller()

    def around(self) -> bool | None:
        """Whether whoever calls this stands in the loop that reads; False behind it, else None."""
        return self._loops.around() if self._loops and self._reader == _caller() else None

    def end(self) -> None:
        """Hang up, from any thread; whoever reads on is told."""
        self.ended_by = ConversationError(
            f"This stream of {self._title} was not read on, and was ended when the session's next "
            "turn was asked. Read a stream to its end first, or ask in another session."
        )
        self.ended_by.begun = True
        if self.response is None:
            return
        if self.loop is None:
            self.response.release()
            return
        with suppress(RuntimeError):  # the loop is closed, and its connections with it
            self.loop.call_soon_threadsafe(_release, self.loop, self.response)


def _release(loop: asyncio.AbstractEventLoop, response: Any) -> None:
    begin(loop, response.arelease())


def _caller() -> Caller:
    """Who runs now: a thread, and its task if it has one."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.get_ident(), None if task is None else weakref.ref(task)
