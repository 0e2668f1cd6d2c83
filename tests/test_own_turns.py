"""Turns of services of one's own: what fails in them is an error of ours, and no answer is lost."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from remote_agents import (
    AgentError,
    AgentTimeoutError,
    BadRequestError,
    ConfigurationError,
    RemoteFailureError,
    Reply,
    StreamProtocolError,
    Timeout,
)
from remote_agents.flow import Call, Flow, Request, Sleep, Stream
from remote_agents.service import Endpoint
from remote_agents.types import ClientToolCall, Event, Interrupt, Turn
from tests.own_services import client_of, read, reply_of
from tests.raw_server import EVENTS, HOLD, JSON, Step, head, serving

KEY = "k-of-mine-1234"


def asks(asked: Turn) -> Flow[Reply]:
    reply: Reply = yield Stream(Request("POST", "/ask", json={"q": "x"}), read)
    return reply


OWN = Endpoint("own", "Own", "none", "OWN", asks, read, default_agent_id="a", keeps="handed")
OPENED = [head(JSON, length=2), b"{}"]
ANSWER = [head(EVENTS), b'data: {"delta": "Hello"}\n\ndata: {"id": "t1"}\n\n']


def fails_first(asked: Turn) -> Flow[Reply]:
    return (yield from asks(asked.options["no such option"]))


def fails_at_a_call(asked: Turn) -> Flow[Reply]:
    called = yield Call(Request("POST", "/jobs", json={}), asks=True, conversation_id="c-1")
    return (yield from asks(called.data["no such field"]))


def fails_at_last(asked: Turn) -> Flow[Reply]:
    reply = yield from asks(asked)
    assert reply.text == "Oops"
    return reply


def yields_a_request(asked: Turn) -> Flow[Reply]:
    reply: Reply = yield Request("POST", "/ask", json={})
    return reply


def no_flow(asked: Turn) -> Any:
    return asked.messages[7]


def no_answer(asked: Turn) -> Flow[Any]:
    yield Sleep(0)


def no_answer_to_a_call(asked: Turn) -> Flow[Any]:
    called = yield Call(Request("POST", "/jobs", json={}), asks=True)
    return called


TURNS: dict[Callable[[Turn], Any], tuple[str | None, str, str]] = {
    fails_first: (None, r"failed \(KeyError, in fails_first at test_own_turns.py:\d+\)", ""),
    fails_at_a_call: ("c-1", r"failed \(KeyError, in fails_at_a_call at ", ""),
    fails_at_last: ("t1", r"failed \(AssertionError, in fails_at_last at ", "Hello"),
    yields_a_request: (None, "yields Request, which is no step", ""),
    no_flow: (None, r"failed \(IndexError, in no_flow at ", ""),
    no_answer: (None, "ended without an answer", ""),
    no_answer_to_a_call: (None, "ended without an answer", ""),
}


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.__name__)
def test_a_turn_that_fails_by_itself_is_an_error_of_ours(
    turn: Callable[[Turn], Any], awaited: bool
) -> None:
    where, words, partial = TURNS[turn]
    with serving(ANSWER if turn is fails_at_last else OPENED) as server:
        client = client_of(replace(OWN, turn=turn))(base_url=server.url, api_key=KEY)
        said = f"^The turn of Own, in its own code, {words}"
        with pytest.raises(AgentError, match=said) as caught:
            reply_of(client, awaited, session_id="s")
    error = caught.value
    assert (error.endpoint, error.conversation_id, error.partial) == ("own", where, partial)
    assert type(error) is (StreamProtocolError if server.requests else ConfigurationError)
    assert error.safe_to_repeat is not bool(server.requests)


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_an_answer_stands_whose_turn_gives_nothing_back_and_fails_behind_it(
    awaited: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def turn(asked: Turn) -> Flow[Any]:
        yield Stream(Request("POST", "/ask", json={}), read, after=after)

    def after(reply: Reply) -> Flow[None]:
        yield Sleep({}["seconds"])

    with serving(ANSWER) as server:
        client = client_of(replace(OWN, turn=turn))(base_url=server.url, api_key=KEY)
        assert reply_of(client, awaited, session_id="s")[1].text == "Hello"
    assert "failed (KeyError, in after at test_own_turns.py" in caplog.text


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("turn", [asks, fails_at_a_call])
def test_what_is_too_long_is_told_of_a_call_that_asks_too(turn: Any, awaited: bool) -> None:
    said = b'{"message": "The prompt is too long."}'
    with serving([head(JSON, "400 Bad Request", length=len(said)), said]) as server:
        client = client_of(replace(OWN, turn=turn))(base_url=server.url, api_key=KEY)
        with pytest.raises(BadRequestError, match="trim_messages") as caught:
            reply_of(client, awaited)
    assert caught.value.too_long


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("kind", [JSON, EVENTS])
def test_a_failure_that_a_decoder_finds_keeps_the_ids_that_it_tells(
    kind: str, awaited: bool
) -> None:
    def fails(data: Any, so_far: Reply) -> list[Event]:
        ids = {"conversation_id": data["context"], "request_id": data["request"]}
        raise RemoteFailureError("The database is down.", **ids)

    def ask(asked: Turn) -> Flow[Reply]:
        reply: Reply = yield Stream(Request("POST", "/ask", json={}, stream=True), fails)
        return reply

    said = b'{"state": "failed", "context": "c-7", "request": "r-7"}'
    body = said if kind == JSON else b"data: " + said + b"\n\n"
    with serving([head(kind, length=len(body)), body]) as server:
        client = client_of(replace(OWN, turn=ask))(base_url=server.url, api_key=KEY)
        with pytest.raises(RemoteFailureError, match="database is down") as caught:
            reply_of(client, awaited)
    assert (caught.value.conversation_id, caught.value.request_id) == ("c-7", "r-7")


# --- time --------------------------------------------------------------------------------------


def fetched(asked: Turn) -> Flow[Reply]:
    yield Call(Request("POST", "/jobs", json={}), asks=True)
    yield Call(Request("GET", "/jobs/7", safe=True))
    reply: Reply = yield Stream(Request("GET", "/jobs/7/answer", safe=True), read)
    return reply


HELD: dict[str, list[Step]] = {"no head": [HOLD], "no event": [head(EVENTS), HOLD]}


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("held", HELD)
def test_what_is_begun_shortly_before_the_limit_ends_with_it(held: str, awaited: bool) -> None:
    with serving(OPENED, [0.8, *OPENED], HELD[held]) as server:
        client = client_of(replace(OWN, turn=fetched))(base_url=server.url, api_key=KEY)
        begun = time.monotonic()
        with pytest.raises(AgentTimeoutError, match=r"answer .*within 1(\.0)? s") as caught:
            reply_of(client, awaited, timeout=Timeout(first_event=1.0))
        assert time.monotonic() - begun < 2.5
    assert (caught.value.phase, caught.value.safe_to_repeat) == ("first_event", False)


# --- the end ------------------------------------------------------------------------------------

ALONE: dict[str, Event] = {
    "interrupt": Interrupt("i1", "Sure?"),
    "tool_calls": ClientToolCall("c1", "look", {}),
}


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("reason", ALONE)
def test_what_waits_for_the_caller_may_stand_alone_where_the_connection_ends_an_answer(
    reason: str, awaited: bool
) -> None:
    def alone(data: Any, so_far: Reply) -> list[Event]:
        return [ALONE[reason]]

    def ask(asked: Turn) -> Flow[Reply]:
        reply: Reply = yield Stream(Request("POST", "/ask", json={}, stream=True), alone)
        return reply

    facts = replace(OWN, turn=ask, eof_ends=True, tools=True)
    with serving([head(EVENTS), b'data: {"what": "waits"}\n\n']) as server:
        client = client_of(facts)(base_url=server.url, api_key=KEY)
        reply = reply_of(client, awaited)[1]
    assert [*reply.interrupts, *reply.tool_calls] == [ALONE[reason]]
    if reason == "interrupt":
        assert reply.finish_reason == reason
