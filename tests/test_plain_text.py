"""Services of one's own whose streams hold plain text, as many a hand-written agent sends it."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from remote_agents import (
    ConfigurationError,
    RemoteFailureError,
    Reply,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.flow import Flow, Request, Stream
from remote_agents.service import Endpoint
from remote_agents.types import Event, Info, TextDelta, Turn
from tests.own_services import client_of, reply_of
from tests.raw_server import CLOSE, EVENTS, Step, head, serving

KEY = "k-of-mine-1234"
PIECES = ["<think>", "25", " ", " ping", "null", '{"error": ', "\n\n", "Tage für", " 🙂", "[1]"]


def ask(asked: Turn) -> Flow[Reply]:
    reply: Reply = yield Stream(Request("POST", "/ask", json={"q": "x"}, stream=True), read)
    return reply


def read(data: Any, so_far: Reply) -> list[Event]:
    assert isinstance(data, str)
    if data.startswith("meta "):
        return [Info(model=data[5:])]
    return [TextDelta(data)]


def service(plain_text: Any, **facts: Any) -> Endpoint:
    facts = {"eof_ends": True, "plain_text": plain_text, "default_agent_id": "a", **facts}
    return Endpoint("own", "Own", "none", "OWN", ask, read, **facts)


def events(*pieces: str) -> bytes:
    lines = ["".join(f"data: {line}\n" for line in piece.split("\n")) for piece in pieces]
    return ": hello\n\n" + "event: ping\ndata: now\n\n" + "\n".join([*lines, ""])


STREAMS = {
    "events": ("events", EVENTS, events(*PIECES)),
    "events that end": ("events", EVENTS, events(*PIECES, "[DONE]", "more")),
    "events with other line ends": ("events", EVENTS, events(*PIECES).replace("\n", "\r\n")),
    "events of an old Mac": ("events", EVENTS, events(*PIECES).replace("\n", "\r")),
    "a body": ("body", "text/plain; charset=utf-8", "".join(PIECES)),
    "a body that is called events": ("body", EVENTS, "".join(PIECES)),
    "a body of Markdown": ("body", "text/markdown", "".join(PIECES)),
}


def steps_of(kind: str, raw: bytes, sizes: Sequence[int]) -> list[Step]:
    """A whole answer in pieces of these sizes."""
    pieces, at = list[Step](), 0
    for size in sizes:
        pieces += [raw[at : at + size], 0.002]
        at += size
    return [head(kind, length=len(raw)), *pieces, raw[at:]]


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", STREAMS)
def test_plain_text_is_the_answer_letter_by_letter(name: str, awaited: bool) -> None:
    kind, said, text = STREAMS[name]
    raw, order = text.encode(), random.Random(7)
    scripts = [steps_of(said, raw, [order.randrange(1, 9) for _ in range(60)]) for _ in range(3)]
    with serving([head(said, length=len(raw)), raw], *scripts) as server:
        client = client_of(service(kind))(base_url=server.url, api_key=KEY)
        for _ in range(4):
            assert reply_of(client, awaited)[1].text == "".join(PIECES)
        assert str(client.ask("Hello", stop=["für"])) == "".join(PIECES).partition("für")[0]


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("pieces", [(b"Say ", b"[DONE]", b"..."), (b" \n", b"  x = 1", b"\n")])
def test_a_body_is_told_whole_wherever_it_is_cut(pieces: Sequence[bytes], awaited: bool) -> None:
    raw = b"".join(pieces)
    with serving(steps_of("text/plain", raw, [*map(len, pieces[:-1])])) as server:
        client = client_of(service("body"))(base_url=server.url, api_key=KEY)
        assert reply_of(client, awaited)[1].text == raw.decode()


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("kind", ["events", "body"])
def test_plain_text_that_breaks_off_is_an_error_with_the_text_so_far(
    kind: str, awaited: bool
) -> None:
    raw = (events("25", " days") if kind == "events" else "25 days").encode()
    with serving([head(EVENTS, length=len(raw) + 9), raw, CLOSE]) as server:
        client = client_of(service(kind))(base_url=server.url, api_key=KEY)
        with pytest.raises(StreamInterruptedError) as caught:
            reply_of(client, awaited)
    assert caught.value.partial == "25 days"


def test_an_error_event_among_text_fails_the_answer() -> None:
    raw = events("25").encode() + b'event: error\ndata: {"message": "Out of memory"}\n\n'
    with serving([head(EVENTS, length=len(raw)), raw]) as server:
        client = client_of(service("events"))(base_url=server.url, api_key=KEY)
        with pytest.raises(RemoteFailureError, match="Out of memory") as caught:
            reply_of(client, awaited=False)
    assert caught.value.partial == "25"


def test_what_is_no_text_of_the_answer_may_stand_in_an_event_of_its_own() -> None:
    raw = events("25", "meta small-1", " days").encode()
    with serving([head(EVENTS, length=len(raw)), raw]) as server:
        client = client_of(service("events"))(base_url=server.url, api_key=KEY)
        reply = reply_of(client, awaited=False)[1]
    assert (reply.text, reply.model) == ("25 days", "small-1")


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("raw", [b"data: " + b"x" * 2048, b"data: xxxxxxxxxx\n" * 200])
def test_an_event_of_text_has_a_largest_size(raw: bytes, awaited: bool) -> None:
    with serving([head(EVENTS, length=len(raw) + 99), raw, 5.0]) as server:
        settings = {"base_url": server.url, "api_key": KEY, "max_event_bytes": 1024}
        client = client_of(service("events"))(**settings)
        with pytest.raises(StreamProtocolError, match="max_event_bytes"):
            reply_of(client, awaited)


@pytest.mark.parametrize("facts", [{"plain_text": "lines"}, {"eof_ends": False}])
def test_facts_of_plain_text_that_cannot_be_are_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="plain_text is 'events' or 'body'"):
        service(**{"plain_text": "body", **facts})
