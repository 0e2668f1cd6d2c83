"""What `cached_key` keeps, for how long, and for whom."""

from __future__ import annotations

import asyncio
import gc
import json
import math
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from remote_agents import ConfigurationError, cached_key
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way, make

QUESTION = "How many vacation days do I get?"


def counted(*tokens: Any) -> tuple[Any, list[Any]]:
    left = list(tokens)
    return cached_key(lambda: left.pop(0)), left


def test_a_token_is_kept_until_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("remote_agents.keys.time.monotonic", lambda: now[0])
    key, left = counted(("a", 100.0), ("b", 3600.0), "c")
    assert key().get_secret_value() == "a"
    now[0] += 89
    assert key().get_secret_value() == "a"
    now[0] += 2  # the last tenth of its life is spared
    assert key().get_secret_value() == "b"
    now[0] += 3541  # the last minute, of a longer one
    assert key().get_secret_value() == "c"
    now[0] += 1e9
    assert key().get_secret_value() == "c"
    assert left == []


def test_only_the_token_that_was_refused_is_dropped() -> None:
    key, _ = counted("a", "b", "c")
    first = key()
    key.drop(first)
    assert key().get_secret_value() == "b"
    key.drop(first)  # a slow turn that still had the old one
    key.drop(None)
    assert key().get_secret_value() == "b"


async def test_async_functions_are_called_once_for_many_tasks() -> None:
    calls = 0

    async def fetch() -> tuple[str, float]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return f"t-{calls}", 3600.0

    key = cached_key(fetch)
    tokens = await asyncio.gather(*(key() for _ in range(50)))
    assert {token.get_secret_value() for token in tokens} == {"t-1"}


def test_a_failure_is_not_kept() -> None:
    answers: list[Any] = [ValueError("later"), "a"]

    def fetch() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    key = cached_key(fetch)
    with pytest.raises(ValueError, match="later"):
        key()
    assert key().get_secret_value() == "a"


# --- threads, loops, processes -------------------------------------------------------------------


def in_threads(work: Callable[[], Any], number: int = 4) -> list[Any]:
    with ThreadPoolExecutor(number) as threads:
        return [each.result() for each in [threads.submit(work) for _ in range(number)]]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_one_fetch_serves_the_turns_of_all_event_loops(
    framework: str, streamed: bool, sandbox: Sandbox
) -> None:
    settings: dict[str, Any] = sandbox.kwargs("bluenexus")
    token, calls, all_wait = settings.pop("api_key"), [], threading.Barrier(4)

    async def fetch() -> tuple[str, float]:
        calls.append(1)
        await asyncio.sleep(0.5)
        return token, 3600.0

    key = cached_key(fetch)

    async def turns() -> list[str]:
        way = Way(framework, "bluenexus", streamed=streamed, awaited=True, **settings, api_key=key)
        all_wait.wait(20)
        return [each.text for each in await asyncio.gather(way.ask(QUESTION), way.ask(QUESTION))]

    answers = in_threads(lambda: asyncio.run(turns()))
    assert all("25" in answer for both in answers for answer in both)
    assert len(calls) == 1


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_a_fetch_that_comes_to_nothing_is_taken_up_by_another_loop(how: str) -> None:
    begun, waiting = threading.Event(), threading.Event()
    calls: list[int] = []

    async def fetch() -> str:
        calls.append(1)
        if len(calls) > 1:
            return "a"
        begun.set()
        await asyncio.to_thread(waiting.wait, 10)
        await asyncio.sleep(0.1)
        if how == "failed":
            raise ValueError("not now")
        raise asyncio.CancelledError

    key: Any = cached_key(fetch)

    async def get() -> str:
        return str((await key()).get_secret_value())

    async def later() -> str:
        asyncio.get_running_loop().call_later(0.05, waiting.set)
        return await get()

    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(lambda: asyncio.run(get()))
        assert begun.wait(10)
        assert asyncio.run(later()) == "a"
        with pytest.raises((ValueError, asyncio.CancelledError, CancelledError)):
            first.result(10)
    assert len(calls) == 2


@pytest.mark.parametrize("end", ["stopped", "closed"])
def test_a_loop_that_stands_still_keeps_no_other_waiting(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote_agents.keys.PATIENCE", 0.2 if end == "stopped" else 60.0)
    calls: list[int] = []

    async def fetch() -> str:
        calls.append(1)
        await asyncio.sleep(60 if len(calls) == 1 else 0)
        return "a"

    key: Any = cached_key(fetch)

    async def get() -> str:
        return str((await asyncio.wait_for(key(), 20)).get_secret_value())

    loop = asyncio.new_event_loop()
    left: Any = loop.create_task(key())
    loop.run_until_complete(asyncio.sleep(0.01))
    if end == "closed":
        loop.close()
    assert asyncio.run(get()) == "a"
    assert len(calls) == 2
    if end == "stopped":
        left.cancel()
        loop.run_until_complete(asyncio.wait([left]))
        loop.close()
    else:
        left._log_destroy_pending = False


def test_a_waiter_that_is_cancelled_leaves_the_fetch_to_the_others() -> None:
    async def fetch() -> str:
        await asyncio.sleep(0.1)
        return "a"

    async def waiters() -> list[Any]:
        tasks = [asyncio.ensure_future(key()) for _ in range(3)]
        await asyncio.sleep(0.02)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    key: Any = cached_key(fetch)
    first, second, third = asyncio.run(waiters())
    assert first == third == SecretStr("a")
    assert isinstance(second, asyncio.CancelledError)


def test_nothing_is_kept_of_loops_in_which_turns_waited() -> None:
    async def fetch() -> tuple[str, float]:
        await asyncio.sleep(0)
        return "a", 0.0

    key: Any = cached_key(fetch)
    loops = []

    async def two() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await asyncio.gather(key(), key())

    for _ in range(3):
        asyncio.run(two())
    gc.collect()
    assert [loop() for loop in loops] == [None] * 3


def test_a_token_that_is_refused_while_it_is_fetched_again_is_not_kept() -> None:
    begun, over, left = threading.Event(), threading.Event(), ["a", "a", "b", "c"]
    went_on: list[bool] = []

    def fetch() -> str:
        token = left.pop(0)
        if len(left) == 2:
            begun.set()
            went_on.append(over.wait(10))
        return token

    key = cached_key(fetch)
    first = key()
    key.drop(first)
    thread = threading.Thread(target=key)
    thread.start()
    assert begun.wait(10)
    key.drop(first)  # of another turn, and without waiting for the provider
    over.set()
    thread.join(10)
    assert went_on == [True]
    assert [key().get_secret_value() for _ in range(2)] == ["b", "b"]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_loop_goes_on_while_a_refused_token_is_fetched_anew(
    framework: str, streamed: bool, sandbox: Sandbox
) -> None:
    settings: dict[str, Any] = {**sandbox.kwargs("bluenexus"), "max_retries": 0}
    tokens, loop = ["withdrawn-1", settings.pop("api_key")], asyncio.get_running_loop()

    async def ask_the_provider() -> str:
        await asyncio.sleep(0.2)
        return str(tokens.pop(0))

    def fetch() -> str:
        return asyncio.run_coroutine_threadsafe(ask_the_provider(), loop).result(5)

    key = cached_key(fetch)
    way = Way(framework, "bluenexus", streamed=streamed, awaited=True, **settings, api_key=key)
    answers = await asyncio.gather(*(way.ask(QUESTION) for _ in range(6)))
    assert all("25" in answer.text for answer in answers)
    assert tokens == []


class Awaited:
    """What is to be awaited, and no coroutine."""

    def __init__(self, value: Awaitable[Any]) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, None, Any]:
        return self.value.__await__()


class AsyncCall:
    """A function of an object."""

    def __init__(self, function: Callable[[], Awaitable[Any]]) -> None:
        self.function = function

    async def __call__(self) -> Any:
        return await self.function()


ASYNC: dict[str, Callable[[Any], Any]] = {
    "function": lambda function: function,
    "lambda": lambda function: lambda: function(),
    "object": AsyncCall,
    "awaitable": lambda function: lambda: Awaited(function()),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("kind", ASYNC)
async def test_whatever_is_awaited_is_kept(
    kind: str, framework: str, streamed: bool, sandbox: Sandbox
) -> None:
    settings: dict[str, Any] = sandbox.kwargs("bluenexus")
    token, calls = settings.pop("api_key"), 0

    async def fetch() -> tuple[str, float]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.01)
        return token, 3600.0

    key = cached_key(ASYNC[kind](fetch))
    way = Way(framework, "bluenexus", streamed=streamed, awaited=True, **settings, api_key=key)
    answers = await asyncio.gather(*(way.ask(QUESTION) for _ in range(5)))
    assert all("25" in answer.text for answer in [*answers, await way.ask(QUESTION)])
    assert calls == 1


@pytest.mark.parametrize("kind", ["function", "lambda", "object"])
def test_a_blocking_call_awaits_no_function(kind: str, sandbox: Sandbox) -> None:
    async def fetch() -> str:
        return "a"

    settings = {**sandbox.kwargs("bluenexus"), "api_key": cached_key(ASYNC[kind](fetch))}
    with pytest.raises(ConfigurationError, match="async function"):
        make("plain", "bluenexus", **settings).ask(QUESTION)
    gc.collect()  # a coroutine that nobody awaited would be said now


@pytest.mark.parametrize(
    "fetched",
    [("a", "3600"), ("a", timedelta(hours=1)), ("a", math.nan), ("a", True), ("a", 1, 2), ("a",)],
)
@pytest.mark.parametrize("awaited", [False, True])
async def test_a_time_that_is_no_number_of_seconds_is_refused(
    fetched: Any, awaited: bool, sandbox: Sandbox
) -> None:
    key, left = counted(fetched)
    settings = {**sandbox.kwargs("bluenexus"), "api_key": key}
    way = Way("plain", "bluenexus", streamed=False, awaited=awaited, **settings)
    with pytest.raises(ConfigurationError, match="seconds"):
        await way.ask(QUESTION)
    assert not sandbox.requests()
    assert not left


@pytest.mark.parametrize("wrapped", ["a-token", None, ("a-token", 3600.0)])
def test_what_is_no_function_is_not_wrapped(wrapped: Any) -> None:
    with pytest.raises(ConfigurationError, match="cached_key takes a function"):
        cached_key(wrapped)


FORKED = """
import asyncio, json, os, sys, threading, time
from remote_agents import BlueNexus, cached_key

awaited, settings = sys.argv[1] == "async", json.loads(sys.argv[2])
token, begun, over = settings.pop("api_key"), threading.Event(), threading.Event()

def fetch():
    if os.getpid() == parent:
        begun.set()
        over.wait(30)
    return token

parent, key = os.getpid(), cached_key(fetch)
agent = BlueNexus(**settings, api_key=key)
thread = threading.Thread(target=agent.ask, args=("Hi",))
thread.start()
assert begun.wait(10)
child = os.fork()
if child == 0:
    key.drop(None)
    reply = asyncio.run(agent.aask("Hi")) if awaited else agent.ask("Hi")
    os._exit(0 if reply.text else 1)
deadline = time.monotonic() + 15
while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
    time.sleep(0.02)
if done == (0, 0):
    os.kill(child, 9)
over.set()
thread.join()
assert agent.ask("Hi").text
sys.exit(done[1] if done[0] else "the child waits for its parent's thread")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("awaited", ["sync", "async"])
def test_a_forked_child_does_not_wait_for_a_thread_of_its_parent(
    awaited: str, sandbox: Sandbox
) -> None:
    settings = json.dumps(sandbox.kwargs("bluenexus"))
    script = [sys.executable, "-W", "ignore", "-c", FORKED, awaited, settings]
    done = subprocess.run(script, check=False, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
