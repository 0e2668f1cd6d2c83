"""Whether anybody reads a stream on; what became of it where nobody does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from remote_agents.errors import ConversationError
from remote_agents.flow import Emit, Flow, Send
from remote_agents.memory.loops import Loops

_closing: set[asyncio.Task[None]] = set()  # an event loop holds its tasks weakly


class Reading:
    """How one turn's stream is read.

    `waits` is since when it waits for its reader, by the monotonic clock; None while it does not.
    """

    def __init__(self) -> None:
        self.waits: float | None = None
        self._loops: Loops | None = None
        self._hang_up: Callable[[], None] | None = None
        self._ended = False

    def around(self) -> bool | None:
        """Whether whoever calls this stands in the loop that reads; False behind it, else None."""
        return self._loops.around() if self._loops else None

    def end(self) -> None:
        """Hang up; whoever reads on is told."""
        self._ended = True
        if self._hang_up is not None:
            self._hang_up()

    def watched(self, flow: Flow[None], title: str) -> Flow[None]:
        """The steps of a turn, looked at.

        Args:
            flow: The turn.
            title: What its caller calls the session.

        Raises:
            ConversationError: It was ended from outside, and is read on.
        """
        step: Callable[[Any], Any] = flow.send
        value: Any = None
        while True:
            try:
                op = step(value)
            except StopIteration:
                return
            except BaseException:
                value = None  # an error that knows its frame, and the frame it: garbage
                raise
            try:
                if type(op) is Emit:
                    yield from self._shown(op.items, title)
                    value = None
                else:
                    value = yield op
                    if type(op) is Send:
                        self._hang_up = _hanging_up(value)
                step = flow.send
            except GeneratorExit:
                flow.close()
                raise
            except BaseException as error:
                step, value = flow.throw, error

    def _shown(self, items: Sequence[Any], title: str) -> Flow[None]:
        """Hand items out one by one: each is a sign of life."""
        self._loops = self._loops or Loops()
        for item in items:
            self.waits = time.monotonic()
            yield Emit([item])
            self.waits = None
            if self._ended:
                raise _ended(title)


def _ended(title: str) -> ConversationError:
    error = ConversationError(
        f"This stream of {title} was not read on, and was ended when the session's next turn was "
        "asked. Read a stream to its end first, or ask in another session."
    )
    error.begun = True
    return error


def _hanging_up(response: Any) -> Callable[[], None]:
    """What closes a response, from any thread."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return response.close  # type: ignore[no-any-return]
    if not hasattr(response, "aclose"):  # blocking I/O amid an event loop
        return response.close  # type: ignore[no-any-return]

    def close() -> None:
        task = loop.create_task(response.aclose())
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    def hang_up() -> None:
        with suppress(RuntimeError):  # the loop is closed, and its connections with it
            loop.call_soon_threadsafe(close)

    return hang_up
