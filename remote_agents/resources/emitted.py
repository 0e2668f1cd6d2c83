"""What a flow emits, taken by another flow instead of by the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from remote_agents.drivers import Stack
from remote_agents.flow import Emit, Flow

T = TypeVar("T")


def intercepted(flow: Flow[T], take: Callable[[list[Any]], Flow[Any]]) -> Flow[T]:
    """Pass a flow on, but give what it emits to `take`, a flow that may do and emit other things.

    Args:
        flow: The flow.
        take: Called with the items of each emission.

    Returns:
        What the flow returns.
    """
    steps = Stack(flow)
    step: Callable[[Any], Any] = steps.send
    value: Any = None
    try:
        while True:
            try:
                op = step(value)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if type(op) is Emit:
                yield from take(op.items)
                step, value = steps.send, None
                continue
            try:
                value = yield op
                step = steps.send
            except GeneratorExit:
                raise
            except BaseException as error:
                step, value = steps.throw, error
    finally:
        steps.close()


def collect_items(flow: Flow[T]) -> Flow[list[T]]:
    """All items of a flow of pages, as the value of the flow."""
    found: list[T] = []

    def keep(placed: list[Any]) -> Flow[None]:
        found.extend(each.item for each in placed)
        yield from ()

    yield from intercepted(flow, keep)
    return found


def for_each_item(flow: Flow[T], do: Callable[[T], Flow[Any]]) -> Flow[Any]:
    """Run a flow for each item of a flow of pages; one page is held at a time."""

    def take(placed: list[Any]) -> Flow[None]:
        for one in placed:
            yield from do(one.item)

    yield from intercepted(flow, take)
