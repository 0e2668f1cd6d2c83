"""Words are handed on as they come, and a stream that is left ends the turn."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import unquote

import pytest

from remote_agents.client import Client
from remote_agents.flow import Flow, IfLeft, Request
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.marks import in_each_face, sync_and_async
from remote_agents.testing.ways import Way, asked
from remote_agents.turns import operations
from remote_agents.turns.clock import Exchange
from remote_agents.types import Reply

WORD_DELAY = 0.02


@sync_and_async
@in_each_face
def test_each_word_is_in_hand_before_the_next_is_sent(
    slow_agent_box: Sandbox, agent_service: str, framework: str, awaited: bool
) -> None:
    settings = slow_agent_box.kwargs(agent_service)
    way = Way(framework, agent_service, streamed=True, awaited=awaited, **settings)

    answer = asked(way, "Count to 12")

    # Replayed from a whole answer, the pieces would come together at the end. On a busy machine
    # some words arrive together, but the first is in hand long before the last is sent.
    assert len(answer.pieces) >= 2
    assert answer.times[-1] - answer.times[0] > 6 * WORD_DELAY


def test_a_stream_that_is_left_is_closed(slow_agent_box: Sandbox, agent_service: str) -> None:
    slow_agent_box.reset()
    client = Client.kind_of(ENDPOINTS[agent_service])(**slow_agent_box.kwargs(agent_service))
    events = client.stream("Count to 60")
    next(events)
    events.close()
    for _ in range(100):
        if "disconnected" in (outcomes := outcomes_of(slow_agent_box, agent_service)):
            break
        time.sleep(0.02)
    assert "disconnected" in outcomes
    assert client.ask("Hello").text


def outcomes_of(box: Sandbox, service: str) -> list[object]:
    """What became of each request, the last of which may be what stops the run."""
    return [request["outcome"] for request in box.requests(service)]


@sync_and_async
def test_a_run_that_is_left_is_stopped_once(
    slow_agent_box: Sandbox, agent_service: str, awaited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, given = stops_seen(monkeypatch)
    slow_agent_box.reset()
    settings = slow_agent_box.kwargs(agent_service)
    way = Way("plain", agent_service, streamed=True, awaited=awaited, **settings)

    assert asked(way, "Hello").text
    if not said:
        pytest.skip(f"{agent_service} does not say how a run is stopped.")
    assert given == []  # of a whole answer

    async def leave() -> list[object]:
        await way.leave("Count to 60")
        for _ in range(100):
            came = slow_agent_box.requests(agent_service)
            sent = [each for each in came if each["path"].partition("?")[0].endswith((*given,))]
            if sent and sent[0]["status"]:
                break
            await asyncio.sleep(0.02)
        return [request["status"] for request in sent]

    (status,) = asyncio.run(leave())
    assert isinstance(status, int)
    assert status < 300


def stops_seen(monkeypatch: pytest.MonkeyPatch) -> tuple[list[IfLeft], list[str]]:
    """What turns say of stopping their run, and the paths of what they give for it."""
    said: list[IfLeft] = []
    given: list[str] = []
    flow = operations.if_left

    def seen(op: IfLeft, exchange: Exchange) -> Flow[None]:
        def request(so_far: Reply) -> Request | None:
            if (stops := op.request(so_far)) is not None:
                given.append(unquote(stops.path))
            return stops

        said.append(op)
        return flow(IfLeft(request), exchange)

    monkeypatch.setitem(operations._FLOWS, IfLeft, seen)
    return said, given
