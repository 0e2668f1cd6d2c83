"""What a flow emits, taken by another flow instead of by the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from remote_agents.flow import Emit, Flow

T = TypeVar("T")


def tapped(flow: Flow[T], take: Callable[[list[Any]], list[Any]]) -> Flow[T]:
    """Pass a flow on, with what it emits changed by `take`; an empty list is not emitted."""
    step: Any = flow.send
    value: Any = None
    while True:
        try:
            op = step(value)
        except StopIteration as stop:
            result: T = stop.value
            return result
        if type(op) is Emit:
            op = Emit(take(op.items))
            if not op.items:
                step, value = flow.send, None
                continue
        try:
            value = yield op
            step = flow.send
        except GeneratorExit:
            flow.close()
            raise
        except BaseException as error:
            step, value = flow.throw, error


def every(flow: Flow[T]) -> Flow[list[T]]:
    """All items of a flow of pages, as the value of the flow."""
    found: list[T] = []

    def keep(placed: list[Any]) -> list[Any]:
        found.extend(each.item for each in placed)
        return []

    yield from tapped(flow, keep)
    return found
