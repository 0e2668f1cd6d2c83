"""A service whose answer is fetched: once it has the question, it is asked no second time."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from remote_agents import AgentError, InMemorySessionStore, Timeout, service
from remote_agents.client import Client
from remote_agents.flow import Answer, Call, Flow, Request, Stream
from remote_agents.service import Endpoint
from remote_agents.settings import Settings
from remote_agents.types import Event, Info, Reply, TextDelta, Turn
from tests.raw_server import CLOSE, EVENTS, HOLD, JSON, Step, head, serving
from tests.transports import Asker, asking, each_kind


def turn(asked: Turn) -> Flow[Reply]:
    body = {"question": asked.messages[-1].content, "thread": asked.conversation_id}
    opened = yield Call(Request("POST", "/tickets", json=body), asks=True)
    answer = Request("GET", f"/tickets/{opened.data['ticket']}", safe=True)
    reply: Reply = yield Stream(answer, decode, "conversation-1")
    return reply


def decode(data: Any, so_far: Reply) -> list[Event]:
    return [TextDelta(data["said"]), Info(finish_reason="stop")]


DESK = Endpoint("desk", "Desk", "none", "DESK", turn, decode, default_agent_id="a", keeps="handed")


@pytest.fixture(scope="module")
def desk() -> Iterator[type[Client]]:
    """The service's class, which is known to this module's tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "_registered", dict(service.registered()))

        class DeskSettings(Settings):
            endpoint: ClassVar[Endpoint] = DESK

        yield type("Desk", (DeskSettings, Client), {})


def whole(data: Any, status: str = "200 OK", *more: str) -> list[Step]:
    body = json.dumps(data).encode()
    return [head(JSON, status, *more, length=len(body)), body]


OPENED, SAID = whole({"ticket": "1"}, "200 OK", "Connection: close"), whole({"said": "Hello"})
FAILURES: dict[str, list[Step]] = {
    "throttled": whole({}, "429 Too Many Requests", "Retry-After: 0"),
    "unavailable": whole({}, "503 Unavailable", "Retry-After: 0"),
    "refused": whole({}, "401 Unauthorized"),
    "lost": whole({"message": "conversation not found"}, "404 Not Found"),
    "broken": [CLOSE],
}


@pytest.mark.parametrize("failure", [*FAILURES, "gone"])
@each_kind
async def test_what_was_handed_over_is_asked_once(
    kind: str, failure: str, desk: type[Client]
) -> None:
    history: list[Any] = ["Hello"]
    settings: Any = {"session_store": InMemorySessionStore(), "max_retries": 1}
    with serving(OPENED, SAID, OPENED, FAILURES.get(failure, [CLOSE])) as server:
        if failure == "gone":
            server.scripts[2].insert(0, lambda _: server.stop_listening())
        async with asking(kind, server, desk, **settings) as asker:
            history.append(await asked(asker, history))
            history.append("Close the first ticket")
            with pytest.raises(AgentError) as caught:
                await asked(asker, history)
            known = asker.agent.session("u1")
        assert not caught.value.safe_to_repeat
        assert sum(request.startswith(b"POST") for request in server.requests) == 2
        assert known is not None
        assert (known.turns, known[0].broke_off) == (2, True)


def thorough(asked: Turn) -> Flow[Reply]:
    def after(reply: Reply) -> Flow[None]:
        yield Call(Request("GET", "/after", safe=True))

    yield Call(Request("POST", "/tickets", json={}), asks=True)
    answer = Request("GET", "/tickets/1", stream=True, safe=True)
    reply: Reply = yield Stream(answer, pieces, None, after)
    yield Call(Request("GET", "/own", safe=True))
    return reply


def pieces(data: Any, so_far: Reply) -> list[Event]:
    return [TextDelta(data["said"])] if "said" in data else [Info(finish_reason="stop")]


@each_kind
async def test_what_follows_an_answer_is_not_waiting_for_it(
    kind: str, desk: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = replace(DESK, turn=thorough, decode=pieces, keeps="none")
    monkeypatch.setattr(desk, "endpoint", facts)
    slow = [head(EVENTS), *[b'data: {"said": "a"}\n\n', 0.3] * 4, b'data: {"done": 1}\n\n', CLOSE]
    limits: Any = {"timeout": Timeout(first_event=0.8)}
    with serving(OPENED, slow, OPENED) as server:
        async with asking(kind, server, desk, **limits) as asker:
            assert (await asked(asker, ["Hello"])).text == "aaaa"
        paths = [request.split()[1] for request in server.requests]
    assert [path.rpartition(b"/")[2] for path in paths] == [b"tickets", b"1", b"after", b"own"]


def untold(asked: Turn) -> Flow[Reply]:
    yield Call(Request("POST", "/tickets", json={}))  # and not that it asks
    looked = yield Call(Request("GET", "/tickets/1", safe=True))
    reply: Reply = yield Answer(looked, decode)
    return reply


def formed(asked: Turn) -> Flow[Reply]:
    notes = [("notes", ("notes.txt", b"notes", "text/plain"))]
    yield Call(Request("POST", "/threads", json={}, safe=True))
    said = yield Call(Request("POST", "/ask", data={"question": "Hello"}, files=notes))
    reply: Reply = yield Answer(said, decode)
    return reply


BROKEN: dict[str, list[Step]] = {
    "closed": [CLOSE],
    "silent": [HOLD],
    "failed": whole({}, "500 Oops"),
}


@pytest.mark.parametrize("failure", BROKEN)
@pytest.mark.parametrize("own", [untold, formed])
@each_kind
async def test_what_was_posted_may_be_the_question(
    kind: str, own: Any, failure: str, desk: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "endpoint", replace(DESK, turn=own, keeps="none"))
    limits: Any = {"timeout": Timeout(first_event=0.3), "max_retries": 0}
    with serving(OPENED, BROKEN[failure]) as server:
        async with asking(kind, server, desk, **limits) as asker:
            with pytest.raises(AgentError) as caught:
                await asked(asker, ["Hello"])
    assert not caught.value.safe_to_repeat
    assert "not sent" not in str(caught.value)


async def asked(asker: Asker, history: list[Any]) -> Reply:
    if asker.kind == "sync":
        return await asyncio.to_thread(lambda: asker.agent.ask(history, session_id="u1"))
    return await asker.agent.aask(history, session_id="u1")
