"""What services of one's own may say of themselves, against servers that behave as theirs do."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote_agents import (
    ENDPOINTS,
    AgentError,
    AgentTimeoutError,
    AuthenticationError,
    ConfigurationError,
    EmptyAnswerWarning,
    InMemorySessionStore,
    RemoteFailureError,
    Reply,
    StreamProtocolError,
    Timeout,
    service,
    services,
)
from remote_agents.cli import main
from remote_agents.cli.connection import _begun
from remote_agents.flow import Answer, Call, Flow, Request, Sleep, Stream
from remote_agents.service import Endpoint
from remote_agents.types import Event, Finish, Info, TextDelta, Turn, Update
from remote_agents.wire.json import mapping, required_id, text
from tests.own_services import client_of, read, reply_of, said_of
from tests.raw_server import CLOSE, EVENTS, JSON, Step, head, serving


def streamed(frames: bytes) -> list[Step]:
    return [head(EVENTS), frames]


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
    if name == "progress":
        return []
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
    b'event:tool\ndata:{"code": "1/0", "detail": "runs", "status": "failed"}\n\n'
    b'event:chat.completed\ndata:{"id": "r1"}\n\n'
)
PROGRESS = [b'event:progress\ndata:{"n": 1}\n\n', 0.3] * 4
ENDS = {"null": b"event:end\ndata:null\n\n", "nothing": b"event:end\ndata:\n\n"}


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("end", ENDS)
def test_names_of_events_say_what_frames_are(end: str, awaited: bool) -> None:
    with serving([*streamed(FRAMES), *PROGRESS, ENDS[end]]) as server:
        limits = Timeout(idle=0.9)  # an event with a name is one, whatever its decoder makes of it
        client = client_of(NAMED)(base_url=server.url, api_key="k-of-mine", timeout=limits)
        told, reply = reply_of(client, awaited)
    assert (reply.text, reply.reply_id, reply.raw["version"]) == ("Hello", "r1", 3)
    updates = [(event.kind, event.data) for event in told if isinstance(event, Update)]
    assert updates == [
        ("message.completed", {"content": "Hello"}),
        ("follow_up", {"content": "And then?"}),
        ("list", [1]),
        ("tool", {"code": "1/0", "detail": "runs", "status": "failed"}),
    ]


def test_a_failure_beside_a_piece_is_told() -> None:
    piece = b'event:message.delta\ndata:{"content": "Hi", "error": "overloaded"}\n\n'
    failed = pytest.raises(RemoteFailureError, match="overloaded")
    with serving(streamed(piece)) as server, failed as caught:
        reply_of(client_of(NAMED)(base_url=server.url, api_key=KEY), awaited=False)
    assert caught.value.partial == "Hi"


# --- where the key goes ------------------------------------------------------------------------

KEY = "k-of-mine-1234"
PLACES: dict[str, tuple[dict[str, str], bytes]] = {
    "usual": ({}, b"Authorization: Bearer k-of-mine-1234\r\n"),
    "alone": ({"auth_scheme": ""}, b"Authorization: k-of-mine-1234\r\n"),
    "a header": ({"key_header": "X-API-Key"}, b"X-API-Key: k-of-mine-1234\r\n"),
}


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("place", PLACES)
def test_the_key_goes_where_the_service_wants_it(place: str, awaited: bool) -> None:
    facts, header = PLACES[place]
    kind = client_of(replace(NAMED, **facts))
    body = b'{"error": "no such key: k-of-mine-1234"}'
    refusal = [head(JSON, "401 Unauthorized", length=len(body)), body]
    with serving(streamed(FRAMES + ENDS["null"]), refusal) as server:
        client = kind(base_url=server.url, api_key=KEY)
        reply_of(client, awaited)
        with pytest.raises(AuthenticationError) as caught:
            reply_of(client, awaited)
    assert server.requests[0].count(KEY.encode()) == 1
    assert header in server.requests[0] + b"\r\n"
    assert KEY not in f"{caught.value} {vars(caught.value)} {client!r}"


# --- answers that are fetched ------------------------------------------------------------------


def fetched(asked: Turn) -> Flow[Reply]:
    thread = asked.conversation_id
    if thread is None:
        made = yield Call(Request("POST", "/threads", json={}, safe=True))
        thread = required_id(mapping(made.data).get("thread"), "the thread")
    body = {"q": asked.messages[-1].content, "thread": thread}
    opened = yield Call(Request("POST", "/jobs", json=body), asks=True, conversation_id=thread)
    job = required_id(mapping(opened.data).get("job"), "the job")
    looked = yield Call(Request("GET", f"/jobs/{job}", safe=True))
    if mapping(looked.data).get("state") != "done":
        raise RemoteFailureError(f"The job failed: {text(mapping(looked.data).get('why'))}")
    reply: Reply = yield Stream(Request("GET", f"/jobs/{job}/answer", safe=True), read)
    return reply


FETCHED = Endpoint(
    "fetched", "Fetched", "none", "FETCHED", fetched, read, default_agent_id="a", keeps="created"
)


def told(data: Any, status: str = "200 OK") -> list[Step]:
    body = json.dumps(data).encode()
    return [head(JSON, status, "X-Request-Id: r-7", "Connection: close", length=len(body)), body]


MADE, OPENED, DONE = told({"thread": "t1"}), told({"job": "7"}), told({"state": "done"})
SAID = told({"delta": "Hello"})
BROKEN_OFF = [head(JSON, "200 OK", "X-Request-Id: r-7", length=99), b'{"st', CLOSE]
FAILURES: dict[str, tuple[list[list[Step]], str]] = {
    "the question is refused": (
        [told({"code": 4, "msg": "no", "detail": {"x": "y"}})],
        "failed: no",
    ),
    "the question fails": ([told({"msg": "no", "detail": {"x": "y"}}, "500 Error")], "500: no."),
    "no id": ([told({})], "no id of the job; the turn went no further"),
    "a look is refused": ([OPENED, told({"error": "no"})], "failed: no"),
    "a look fails": ([OPENED, told({"error": "no"}, "404 Not Found")], "404: no"),
    "a look breaks off": ([OPENED, BROKEN_OFF], "broke before the answer was whole"),
    "the job fails": ([OPENED, told({"state": "x", "why": KEY})], r"The job failed: \[key\]"),
    "the answer fails": ([OPENED, DONE, told({"error": "no"})], "failed: no"),
}


@pytest.mark.parametrize("known", [False, True], ids=["first turn", "later turn"])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_behind_a_question_says_where_it_was(
    failure: str, awaited: bool, known: bool
) -> None:
    scripts, words = FAILURES[failure]
    begun = [told({"thread": "t1"}), OPENED, DONE, [head(EVENTS), b'data: {"id": "t1"}\n\n']]
    with serving(*(begun if known else [MADE]), *scripts) as server:
        settings: Any = {"session_store": InMemorySessionStore(), "max_retries": 0}
        client = client_of(FETCHED)(base_url=server.url, api_key=KEY, **settings)
        if known:
            with pytest.warns(EmptyAnswerWarning):
                reply_of(client, awaited, session_id="s")
        with pytest.raises(AgentError, match=words) as caught:
            reply_of(client, awaited, session_id="s")
        (session,) = [client.session("s")]
    error = caught.value
    assert (error.endpoint, error.conversation_id) == ("fetched", "t1")
    assert error.request_id == ("r-7" if failure not in ("no id", "the job fails") else None)
    assert session is not None
    assert (session[0].conversation_id, session[0].broke_off) == ("t1", True)


def waiting(asked: Turn) -> Flow[Reply]:
    yield Call(Request("POST", "/jobs", json={}), asks=True)
    while True:
        yield Call(Request("GET", "/jobs/7", safe=True))
        yield Sleep(float(asked.messages[-1].content))


@pytest.mark.parametrize("pause", [0.0, 60.0], ids=["looks", "a pause"])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_an_answer_is_not_waited_for_without_end(awaited: bool, pause: float) -> None:
    facts = replace(FETCHED, turn=waiting, keeps="none")
    with serving(OPENED) as server:
        client = client_of(facts)(base_url=server.url, api_key=KEY)
        with pytest.raises(AgentTimeoutError, match=r"no answer within 0\.2 s") as caught:
            reply_of(client, awaited, prompt=str(pause), timeout=Timeout(first_event=0.2))
    assert (caught.value.phase, caught.value.safe_to_repeat) == ("first_event", False)
    assert sum(request.startswith(b"POST") for request in server.requests) == 1


# --- answers that a call brings ----------------------------------------------------------------


def hooked(asked: Turn) -> Flow[Reply]:
    session = asked.conversation_id or ("s-1" if asked.keep else None)
    body = {"q": asked.messages[-1].content, "session": session}
    called = yield Call(Request("POST", "/hook", json=body), asks=True, conversation_id=session)
    reply: Reply = yield Answer(called, words)
    return reply


def words(data: Any, so_far: Reply) -> list[Event]:
    said = text(data) or text(mapping(data).get("output"))
    return [TextDelta(said), Info(finish_reason="stop")]


WHO: dict[str, Any] = {"default_agent_id": "a", "keeps": "asked"}
HOOK = Endpoint("hook", "Hook", "none", "HOOK", hooked, words, **WHO, streams=False)
BODIES = {
    "JSON": (JSON, b'{"output": "Hello END there", "version": 3}'),
    "a JSON text": (JSON, b'"Hello END there"'),
    "words": ("text/plain", b"Hello END there\n"),
    "lines": ("text/plain; charset=utf-8", b"Hello END\nid: there\n\ndata\n"),
}


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("body", BODIES)
def test_a_call_brings_the_answer(body: str, awaited: bool) -> None:
    kind, said = BODIES[body]
    script = [head(kind, "200 OK", "X-Request-Id: r-7", length=len(said)), said]
    with serving(script) as server:
        client = client_of(HOOK)(base_url=server.url, api_key=KEY)
        _, whole = reply_of(client, awaited, session_id="s")
        told, cut = reply_of(client, awaited, session_id="s", stop=["END"])
    assert whole.text == ("Hello END there" if kind is JSON else said.decode().strip())
    assert (cut.text, cut.request_id, cut.conversation_id) == ("Hello ", "r-7", "s-1")
    assert (cut.memory, cut.memory_reason) == ("continued", "session")
    assert [type(event) for event in told] == [TextDelta, Finish]
    assert said_of(server)[1]["session"] == "s-1"


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_half_an_answer_of_a_call_is_none(awaited: bool) -> None:
    half = b'{"output": "Hello'
    with serving([head(JSON, "200 OK", "X-Request-Id: r-7", length=len(half)), half]) as server:
        client = client_of(HOOK)(base_url=server.url, api_key=KEY)
        with pytest.raises(StreamProtocolError, match="not whole JSON") as caught:
            reply_of(client, awaited, session_id="s")
    assert (caught.value.conversation_id, caught.value.request_id) == ("s-1", "r-7")


def fragile(data: Any, so_far: Reply) -> list[Event]:
    said = data["delta"]
    return [TextDelta(next(iter(said)) if type(said) is list else said.strip())]


ODD = {
    "KeyError": b'{"other": "k"}',
    "AttributeError": b'{"delta": 1}',
    "TypeError": b"[1]",
    "StopIteration": b'{"delta": []}',
}


def asked_fragile(asked: Turn) -> Flow[Reply]:
    body = {"q": asked.messages[-1].content}
    reply: Reply = yield Stream(Request("POST", "/x", json=body, stream=True), fragile, "c-1")
    return reply


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("kind", ODD)
def test_a_decoder_that_fails_loses_no_text(kind: str, awaited: bool) -> None:
    facts = replace(HOOK, turn=asked_fragile, decode=fragile)
    frames = b'data: {"delta": "Hello"}\n\ndata: ' + ODD[kind] + b"\n\n"
    with serving(streamed(frames)) as server:
        client = client_of(facts)(base_url=server.url, api_key=KEY)
        with pytest.raises(StreamProtocolError, match=rf"\({kind}, in fragile at ") as caught:
            reply_of(client, awaited)
    error = caught.value
    assert (error.partial, error.conversation_id, error.safe_to_repeat) == ("Hello", "c-1", False)


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_an_empty_answer_of_a_call_is_empty(awaited: bool) -> None:
    with serving([head("text/plain", "200 OK", length=0)]) as server:
        client = client_of(HOOK)(base_url=server.url, api_key=KEY)
        with pytest.warns(EmptyAnswerWarning):
            assert reply_of(client, awaited)[1].text == ""


def test_an_agent_that_its_address_tells_needs_no_id() -> None:
    facts = replace(HOOK, default_agent_id=None, agent_in_address=True)
    assert client_of(facts)(base_url="https://hook.example", api_key=KEY).agent_id == "hook"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no tuple": ({"parameters": ("urgency")}, r"parameters has several, so write \('urgency',\)"),
    "a stranger": ({"parameters": ("user",), "askers": ("usr",)}, "askers names 'usr', which is"),
    "no way to keep": ({"keeps": "server"}, "keeps is 'server', and not 'asked' or 'chained' or"),
    "no header": ({"key_header": "X Key"}, "key_header is 'X Key', which is no name of a header"),
    "no question": ({"roles": frozenset({"system"})}, "roles has no 'user'"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_facts_that_cannot_be_are_refused(wrong: str) -> None:
    facts, words = WRONG[wrong]
    with pytest.raises(ConfigurationError, match=f"^Hook: {words}"):
        replace(HOOK, **facts)


# --- packages that are installed ---------------------------------------------------------------

MODULE = """
from remote_agents.service import Endpoint
GOOD = Endpoint("go-od", "Good", "none", "GOOD", print, print)
"""
POINTS = {
    "go-od": ("odd:GOOD", None),
    "renamed": ("odd:GOOD", "calls itself 'go-od': its entry point has to have that name"),
    "none": ("odd:MODULE", r"cannot be loaded \(AttributeError: .*MODULE"),
    "broken": ("odd_and_broken:ENDPOINT", r"cannot be loaded \(ModuleNotFoundError: "),
    "other": ("odd:__name__", "is no Endpoint, but str"),
}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    about = tmp_path / "odd-1.0.dist-info"
    about.mkdir()
    lines = [f"{name} = {where}" for name, (where, _) in POINTS.items()]
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("\n".join(["[remote_agents.services]", *lines]))
    (tmp_path / "odd.py").write_text(MODULE)
    (tmp_path / "odd_and_broken.py").write_text("import nothing_of_this_name")
    monkeypatch.syspath_prepend(tmp_path)
    services._plugins.cache_clear()
    yield
    services._plugins.cache_clear()
    service._registered.pop("go-od", None)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", POINTS)
def test_a_package_whose_service_cannot_be_loaded_is_named(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where, words = POINTS[name]
    assert name in list(ENDPOINTS)
    assert ENDPOINTS["bluenexus"].name == "bluenexus"
    if words is None:
        assert ENDPOINTS[name].title == "Good"
        assert _begun("go-o") == [name]
        assert main(["check", name]) == 2
        assert "Good needs agent_id" in capsys.readouterr().out
        return
    with pytest.raises(ConfigurationError, match=f"^The service '{name}', .*{where}, {words}"):
        ENDPOINTS[name]
    assert main(["check", name]) == 2
    said = " ".join(capsys.readouterr().err.replace("\u2502", " ").split())
    assert f"The service '{name}', which an installed package has in" in said
