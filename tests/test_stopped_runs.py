"""A turn that is left stops the run of a service that can be told so, and no other turn does."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager, nullcontext
from functools import partial
from typing import Any

import httpx
import pytest

from remote_agents import AgentConnectionError, AgentError, AgentTimeoutError, Reply, Timeout
from remote_agents.client import Client
from remote_agents.flow import Call, Flow, IfLeft, Request, Sleep, Stream
from remote_agents.service import Endpoint
from remote_agents.types import Event, Info, TextDelta, Turn
from remote_agents.wire.json import mapping, text
from tests.own_services import client_of
from tests.raw_server import EVENTS, JSON, RawServer, Talk, head

KEY = "k-of-mine-1234"


def stopping(task: object) -> Request | None:
    return Request("POST", f"/runs/{task}/stop", json={"user": "u"}) if task else None


def streamed(asked: Turn) -> Flow[Reply]:
    yield IfLeft(lambda so_far: stopping(so_far.raw.get("task")))
    body = {"q": asked.messages[-1].content}
    reply: Reply = yield Stream(Request("POST", "/ask", json=body, stream=asked.stream), read)
    return reply


def fetched(asked: Turn) -> Flow[Reply]:
    body = {"q": asked.messages[-1].content}
    opened = yield Call(Request("POST", "/ask", json=body), asks=True)
    task = mapping(opened.data).get("task")
    yield IfLeft(lambda so_far: stopping(task))
    while mapping((yield Call(Request("GET", "/look", safe=True))).data).get("state") != "done":
        yield Sleep(0.02)
    reply: Reply = yield Stream(Request("GET", "/answer", safe=True), read)
    return reply


def read(data: Any, so_far: Reply) -> list[Event]:
    known = mapping(data)
    if "say" in known:
        return [TextDelta(text(known["say"]))]
    return [Info(finish_reason="stop")] if "end" in known else []


FACTS: dict[str, Any] = {"default_agent_id": "a", "key_header": "X-Key"}
SERVICES = {
    turn.__name__: Endpoint("stops", "Stops", "none", "STOPS", turn, read, **FACTS)
    for turn in (streamed, fetched)
}


class Runs:
    """Answers as the question says; notes the runs that it was told to stop, with the right key."""

    def __init__(self) -> None:
        self.server = RawServer([self._answer])
        self.stopped: list[tuple[bytes, bool]] = []
        self.may_stop, self.patience = threading.Event(), 0.0

    def _answer(self, talk: Talk) -> None:
        asked, _, body = self.server.requests[-1].partition(b"\r\n\r\n")
        if b"/stop " in asked:
            self.may_stop.wait(self.patience)
            self.stopped.append((asked.split(b" ")[1], b"\r\nX-Key: k-of-mine-1234" in asked))
            talk.sock.sendall(head(JSON, length=2) + b"{}")
            raise ConnectionError
        question = json.loads(body or "{}").get("q", "")
        if asked.startswith(b"GET /look"):
            self._tell(talk, {"state": "works"})
        if "refused" in question:
            talk.sock.sendall(head(JSON, "400 Bad Request", length=2) + b"{}")
            raise ConnectionError
        if "at /ask" in question:
            self._tell(talk, {"task": "t-1"})
        end = b'data: {"end": true}\n\n' if "at once" in question else b""
        begun = b'data: {"task": "t-1"}\n\ndata: {"say": "Hi END "}\n\n'
        talk.sock.sendall(head(EVENTS) + begun + end)
        if "fails" in question:
            talk.sock.sendall(b'data: {"error": "overloaded"}\n\n')
        elif "breaks" in question:
            talk.reset()
        elif "ends" in question:
            talk.sock.sendall(b'data: {"end": true}\n\n')
        elif "silent" in question:
            talk.hold()
        else:
            talk.flood(b'data: {"say": "more "}\n\n', 0.01)
        raise ConnectionError

    def _tell(self, talk: Talk, data: object) -> None:
        said = json.dumps(data).encode()
        talk.sock.sendall(head(JSON, length=len(said)) + said)
        raise ConnectionError


@contextmanager
def runs() -> Iterator[Runs]:
    known = Runs()
    try:
        yield known
    finally:
        known.server.close()


def client_at(known: Runs, service: str = "streamed", **settings: Any) -> Client:
    return client_of(SERVICES[service])(base_url=known.server.url, api_key=KEY, **settings)


# --- ways to leave -----------------------------------------------------------------------------


def closes(client: Client) -> None:
    stream = client.stream("on and on")
    for _ in range(3):
        next(stream)
    stream.close()


def breaks(client: Client) -> None:
    for _ in client.stream("on and on"):
        break


def raises(client: Client) -> None:
    def fail() -> None:
        for _ in client.stream("on and on"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def is_cut(client: Client) -> None:
    assert client.ask("on and on", stop=["END"]).text == "Hi "


def out_of_time(client: Client, question: str, **limits: float) -> None:
    with pytest.raises(AgentTimeoutError):
        client.ask(question, timeout=Timeout(**limits))


async def acloses(client: Client) -> None:
    async with aclosing(client.astream("on and on")) as stream:
        await anext(stream)


async def abreaks(client: Client) -> None:
    async for _ in client.astream("on and on"):
        break


async def ais_cut(client: Client) -> None:
    assert (await client.aask("on and on", stop=["END"])).text == "Hi "


async def aout_of_time(client: Client, question: str, **limits: float) -> None:
    with pytest.raises(AgentTimeoutError):
        await client.aask(question, timeout=Timeout(**limits))


async def acancels(client: Client, question: str = "on and on") -> None:
    task = asyncio.ensure_future(client.aask(question))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


LOOKED = "at /ask, looked for"
LEAVING: dict[str, tuple[str, Callable[[Client], Any]]] = {
    "close": ("streamed", closes),
    "break": ("streamed", breaks),
    "raise": ("streamed", raises),
    "cut": ("streamed", is_cut),
    "idle": ("streamed", partial(out_of_time, question="silent", idle=0.2)),
    "total": ("streamed", partial(out_of_time, question="on and on", total=0.2)),
    "job": ("fetched", partial(out_of_time, question=LOOKED, first_event=0.2)),
    "aclose": ("streamed", acloses),
    "abreak": ("streamed", abreaks),
    "acut": ("streamed", ais_cut),
    "aidle": ("streamed", partial(aout_of_time, question="silent", idle=0.2)),
    "atotal": ("streamed", partial(aout_of_time, question="on and on", total=0.2)),
    "cancel": ("streamed", acancels),
    "ajob": ("fetched", partial(aout_of_time, question=LOOKED, first_event=0.2)),
    "ajob cancel": ("fetched", partial(acancels, question=LOOKED)),
}


@pytest.mark.parametrize("how", LEAVING)
async def test_a_turn_that_is_left_stops_its_run_once(how: str) -> None:
    service, leave = LEAVING[how]
    with runs() as known:
        client = client_at(known, service)
        known.patience = 5.0
        if asyncio.iscoroutinefunction(getattr(leave, "func", leave)):
            await leave(client)
        else:
            await asyncio.to_thread(leave, client)
        assert known.stopped == []  # nobody waited for it
        known.may_stop.set()
        for _ in range(100):
            if known.stopped:
                break
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.15)
    assert known.stopped == [(b"/runs/t-1/stop", True)]


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("ending", ["ends", "fails", "breaks", "refused"])
async def test_a_run_that_has_ended_is_not_stopped(ending: str, awaited: bool) -> None:
    with runs() as known:
        client = client_at(known)
        with nullcontext() if ending == "ends" else pytest.raises(AgentError):
            if awaited:
                [event async for event in client.astream(ending)]
            else:
                await asyncio.to_thread(lambda: list(client.stream(ending)))
        await asyncio.sleep(0.15)
        assert known.stopped == []


async def test_a_whole_answer_that_is_left_at_its_first_word_is_not_stopped() -> None:
    with runs() as known:
        async with aclosing(client_at(known).astream("ends at once")) as stream:
            await anext(stream)
        await asyncio.sleep(0.15)
        assert known.stopped == []


BEGINS = """
import os, sys, time, tests.test_stopped_runs as t
stream = t.client_of(t.SERVICES["streamed"])(base_url=sys.argv[1], api_key=t.KEY).stream("on")
next(stream)
"""
ENDS = """
import asyncio, gc, os, sys, tests.test_stopped_runs as t
async def leave():
    asyncio.get_running_loop().slow_callback_duration = 60  # a slow machine is none of its business
    client = t.client_of(t.SERVICES["streamed"])(base_url=sys.argv[1], api_key=t.KEY)
    stream = client.astream("on")
    await anext(stream)
    cancelled = asyncio.ensure_future(client.aask("on"))
    await asyncio.sleep(0.2)
    return stream, cancelled
for _ in range(3):
    asyncio.run(leave())
    gc.collect()
    left = [each for each in gc.get_objects() if isinstance(each, asyncio.Task)]
    assert not any(not each.done() for each in left), left
"""
FORKS = """
if not os.fork():
    stream.close()
    time.sleep(0.5)
    os._exit(0)
os.wait()
os._exit(0)
"""
# Python 3.12.0 and 3.12.1 begin no thread once the main one is over.
LATE = pytest.mark.skipif(sys.version_info[:3] in ((3, 12, 0), (3, 12, 1)), reason="no threads")
PROGRAMS = [
    pytest.param("stream.close()", [(b"/runs/t-1/stop", True)], id="that ends at once", marks=LATE),
    pytest.param(FORKS, [], id="that was forked"),
]


def test_a_loop_that_ends_leaves_nothing_of_the_runs_that_it_stops() -> None:
    with runs() as known:
        command = [sys.executable, "-X", "dev", "-c", ENDS, known.server.url]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(("more", "stopped"), PROGRAMS)
def test_a_program_stops_the_run_that_it_began(more: str, stopped: list[object]) -> None:
    with runs() as known:
        command = [sys.executable, "-c", BEGINS + more, known.server.url]
        subprocess.run(command, check=True, timeout=60)
        assert known.stopped == stopped


def after_another(asked: Turn) -> Flow[Reply]:
    yield IfLeft(lambda so_far: stopping("first"))
    yield Stream(Request("POST", "/ask", json={"q": "ends"}), read)
    yield IfLeft(lambda so_far: stopping("second"))
    reply: Reply = yield Stream(Request("POST", "/ask", json={"q": "on and on"}), read)
    return reply


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
async def test_of_several_runs_the_latest_is_stopped_once(awaited: bool) -> None:
    facts = Endpoint("two", "Two", "none", "TWO", after_another, read, **FACTS)
    with runs() as known:
        client = client_of(facts)(base_url=known.server.url, api_key=KEY)
        leave: Any = aout_of_time if awaited else partial(asyncio.to_thread, out_of_time)
        await leave(client, "any", total=0.3)
        await asyncio.sleep(0.4)
        assert known.stopped == [(b"/runs/second/stop", True)]


def never_begun(asked: Turn) -> Flow[Reply]:
    yield IfLeft(lambda so_far: stopping("chosen"))
    reply: Reply = yield Stream(Request("POST", "/ask", json={"q": "any"}), read)
    return reply


def lost_while_looked_for(asked: Turn) -> Flow[Reply]:
    yield Call(Request("POST", "/ask", json={"q": LOOKED}), asks=True)
    yield IfLeft(lambda so_far: stopping("chosen"))
    yield Call(Request("GET", "/gone", safe=True))
    raise AssertionError


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("turn", [never_begun, lost_while_looked_for])
async def test_a_run_that_nobody_left_is_not_stopped(turn: Any, awaited: bool) -> None:
    facts = Endpoint("lost", "Lost", "none", "LOST", turn, read, **FACTS)
    kept_out = "POST /ask" if turn is never_begun else "GET /gone"

    def send(request: httpx.Request) -> None:
        if f"{request.method} {request.url.path}" == kept_out:
            raise httpx.ConnectError("no way")

    async def asend(request: httpx.Request) -> None:
        send(request)

    with runs() as known, httpx.Client(event_hooks={"request": [send]}) as own:
        async with httpx.AsyncClient(event_hooks={"request": [asend]}) as aown:
            settings: Any = {"http_client": own, "http_async_client": aown, "max_retries": 0}
            client = client_of(facts)(base_url=known.server.url, api_key=KEY, **settings)
            asking = client.aask("any") if awaited else asyncio.to_thread(client.ask, "any")
            with pytest.raises(AgentConnectionError):
                await asking
            await asyncio.sleep(0.2)
        assert known.stopped == []


async def test_a_run_is_stopped_with_the_key_it_had_where_another_is_waited_for() -> None:
    waits = iter([0, 0])

    async def key() -> str:
        await asyncio.sleep(next(waits, 9))
        return KEY

    with runs() as known:
        service = client_of(SERVICES["fetched"])
        await acancels(service(base_url=known.server.url, api_key=key), LOOKED)
        await asyncio.sleep(0.3)
        assert known.stopped == [(b"/runs/t-1/stop", True)]


async def test_another_host_that_stops_a_run_is_told_nothing_of_the_caller() -> None:
    def turn(asked: Turn) -> Flow[Reply]:
        place = f"{elsewhere.server.url}/runs/1/stop"
        yield IfLeft(lambda so_far: Request("POST", place, json={}, foreign=True))
        reply: Reply = yield Stream(Request("POST", "/ask", json={"q": "on and on"}), read)
        return reply

    facts = Endpoint("away", "Away", "none", "AWAY", turn, read, **FACTS)
    with runs() as known, runs() as elsewhere:
        client = client_of(facts)(base_url=known.server.url, api_key=KEY)
        async with aclosing(client.astream("any", headers={"X-Mine": "mine"})) as stream:
            await anext(stream)
        await asyncio.sleep(0.3)
        (told,) = elsewhere.server.requests
    assert b"mine" not in told


SLIPS: dict[str, Callable[[Reply], Any]] = {
    "an id that is not there": lambda so_far: stopping(so_far.raw["job"]),
    "nothing": lambda so_far: None,
}


@pytest.mark.parametrize("slip", SLIPS)
async def test_what_cannot_be_stopped_hides_nothing(slip: str) -> None:
    def turn(asked: Turn) -> Flow[Reply]:
        yield IfLeft(SLIPS[slip])
        reply: Reply = yield Stream(Request("POST", "/ask", json={"q": "silent"}), read)
        return reply

    facts = Endpoint("slips", "Slips", "none", "SLIPS", turn, read, **FACTS)
    with runs() as known:
        client = client_of(facts)(base_url=known.server.url, api_key=KEY)
        await aout_of_time(client, "silent", idle=0.1)
        await asyncio.to_thread(out_of_time, client, "silent", idle=0.1)
        assert known.stopped == []
