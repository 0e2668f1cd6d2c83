"""What services of one's own may say of themselves, against servers that behave as theirs do."""

import asyncio
from typing import Any, ClassVar

import pytest

from remote_agents import Reply, service
from remote_agents.client import Client
from remote_agents.flow import Flow, Request, Stream
from remote_agents.service import Endpoint
from remote_agents.settings import Settings
from remote_agents.types import Event, Info, TextDelta, Turn, Update
from remote_agents.wire.json import mapping, text
from tests.raw_server import EVENTS, Step, head, serving


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The services are known to their tests alone."""
    monkeypatch.setattr(service, "_registered", dict(service.registered()))


def client_of(facts: Endpoint) -> type[Client]:
    """The plain client of a service."""
    own = {"endpoint": facts, "__annotations__": {"endpoint": ClassVar[Endpoint]}}
    settings = type("OwnSettings", (Settings,), {**own, "__module__": __name__})
    return type("Own", (settings, Client), {})


def streamed(frames: bytes) -> list[Step]:
    return [head(EVENTS), frames]


def reply_of(client: Client, awaited: bool, **call: Any) -> tuple[list[Event], Reply]:
    """The events of a turn, and what they came to."""

    async def events() -> list[Event]:
        return [event async for event in client.astream("Hello", **call)]

    told = asyncio.run(events()) if awaited else list(client.stream("Hello", **call))
    return told, told[-1].reply  # type: ignore[union-attr]


# --- names of events ---------------------------------------------------------------------------


def post(asked: Turn) -> Flow[Reply]:
    request = Request("POST", "/ask", json={"q": asked.messages[-1].content}, stream=asked.stream)
    reply: Reply = yield Stream(request, by_name, asked.conversation_id)
    return reply


def by_name(data: Any, so_far: Reply) -> list[Event]:
    known = mapping(data)
    name, said = text(known.get("event")), known.get("data")
    if name == "message.delta":
        return [TextDelta(text(mapping(said).get("content")))]
    if name == "chat.completed":
        return [Info(reply_id=text(mapping(said).get("id")))]
    return [Info(finish_reason="stop")] if name == "end" else [Update(name, said)]


NAMED = Endpoint(
    "named", "Named", "none", "NAMED", post, by_name, default_agent_id="a", event_names=True
)
FRAMES = (
    b'event:message.delta\ndata:{"content": "Hel", "version": 3}\n\n'
    b'event:message.delta\ndata:{"content": "lo"}\n\n'
    b'event:message.completed\ndata:{"content": "Hello"}\n\n'
    b'event:follow_up\ndata:{"content": "And then?"}\n\n'
    b"event:list\ndata:[1]\n\n"
    b'event:chat.completed\ndata:{"id": "r1"}\n\n'
    b"event:end\ndata:null\n\n"
)


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_names_of_events_say_what_frames_are(awaited: bool) -> None:
    with serving(streamed(FRAMES)) as server:
        client = client_of(NAMED)(base_url=server.url, api_key="k-of-mine")
        told, reply = reply_of(client, awaited)
    assert (reply.text, reply.reply_id, reply.raw) == ("Hello", "r1", {"version": 3})
    updates = [(event.kind, event.data) for event in told if isinstance(event, Update)]
    assert updates == [
        ("message.completed", {"content": "Hello"}),
        ("follow_up", {"content": "And then?"}),
        ("list", [1]),
    ]
