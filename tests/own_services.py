"""Services of one's own, for tests of what they may say of themselves."""

import asyncio
import json
import time
from typing import Any, ClassVar

from remote_agents import Reply, service
from remote_agents.client import Client
from remote_agents.flow import Flow, Request, Stream
from remote_agents.service import Endpoint
from remote_agents.settings import Settings
from remote_agents.types import Event, Finish, Info, TextDelta, Turn
from remote_agents.wire.json import mapping, text
from tests.raw_server import RawServer, Talk


def client_of(facts: Endpoint) -> type[Client]:
    """The plain client of a service."""
    own = {"endpoint": facts, "__annotations__": {"endpoint": ClassVar[Endpoint]}}
    settings = type("OwnSettings", (Settings,), {**own, "__module__": __name__})
    kind = type("Own", (settings, Client), {})
    service._registered.pop(facts.name)  # its test alone knows it
    return kind


def reply_of(
    client: Client, awaited: bool, prompt: Any = "Hello", **call: Any
) -> tuple[list[Event], Reply]:
    """The events of a turn, and what they came to."""

    async def events() -> list[Event]:
        return [event async for event in client.astream(prompt, **call)]

    told = asyncio.run(events()) if awaited else list(client.stream(prompt, **call))
    assert isinstance(told[-1], Finish)
    return told, told[-1].reply


# --- answers that chain ------------------------------------------------------------------------


def chained(asked: Turn) -> Flow[Reply]:
    said = [message.content for message in asked.messages]
    body = {"input": said, "previous": asked.conversation_id}
    reply: Reply = yield Stream(Request("POST", "/responses", json=body, stream=asked.stream), read)
    return reply


def read(data: Any, so_far: Reply) -> list[Event]:
    known = mapping(data)
    if "delta" in known:
        return [TextDelta(text(known["delta"]))]
    return [Info(conversation_id=text(known.get("id")), finish_reason="stop")]


CHAINED = Endpoint(
    "chained", "Chained", "none", "CHAINED", chained, read, default_agent_id="a", keeps="chained"
)


class Responses:
    """A service that keeps what each of its answers has seen, and answers with all of it.

    An answer whose stream is left before its end is not kept, nor one that gets no id.
    """

    def __init__(self) -> None:
        self.seen: dict[str | None, list[str]] = {None: []}

    def answer(self, server: RawServer, talk: Talk) -> None:
        asked = json.loads(server.requests[-1].partition(b"\r\n\r\n")[2])
        known = [*self.seen[asked["previous"]], *asked["input"]]
        name = f"resp-{len(self.seen)}"
        for at, said in enumerate(known):
            piece = {"delta": f" {said}" if at else said}
            talk.sock.sendall(b"data: %s\n\n" % json.dumps(piece).encode())
            time.sleep(0.01)
        if BROKEN in known:
            talk.reset()
        if known[-1] != UNKEPT:
            self.seen[name] = known
        end = {"id": name if name in self.seen else None, "text": " ".join(known)}
        talk.sock.sendall(b"data: %s\n\n" % json.dumps(end).encode())


BROKEN, UNKEPT = "break", "do not keep"


def said_of(server: RawServer) -> list[Any]:
    return [json.loads(each.partition(b"\r\n\r\n")[2]) for each in server.requests]
