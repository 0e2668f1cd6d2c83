"""One agent in many event loops, threads and processes."""

import asyncio
import gc
import multiprocessing
import os
import subprocess
import sys
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from remote_agents import (
    BlueNexus,
    Timeout,
)
from remote_agents.http import pools
from tests.raw_server import (
    serving,
    sockets_of,
)
from tests.transports import (
    ANSWER,
    KEY,
    WHOLE,
)


def test_fifty_loops_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "pools", pools.Pools())
    with serving(WHOLE) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY)
        for _ in range(50):
            assert str(asyncio.run(agent.aask("Hi"))) == "Hello"
        gc.collect()
        assert len(pools.pools._loops) == 0
        assert sockets_of(server.port) == 0


def test_loops_that_were_closed_without_ceremony_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "pools", pools.Pools())
    with serving(WHOLE) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY)
        gone = []
        for _ in range(3):
            loop = asyncio.new_event_loop()
            assert str(loop.run_until_complete(agent.aask("Hi"))) == "Hello"
            loop.run_until_complete(agent.aclose())
            loop.close()
            gone.append(weakref.ref(loop))
            del loop
        asyncio.run(agent.aask("Hi"))
        gc.collect()
        assert [loop() for loop in gone] == [None] * 3


LOOP_LEFT_AS_IT_IS = """
import asyncio, sys
from remote_agents import BlueNexus

agent = BlueNexus(base_url=sys.argv[1], api_key="k")
for closed in (True, True, False):
    loop = asyncio.new_event_loop()
    print(loop.run_until_complete(agent.aask("Hi")))
    if closed:
        loop.close()
"""


def test_a_loop_that_nobody_shuts_down_brings_no_complaint() -> None:
    with serving(WHOLE) as server:
        command = [sys.executable, "-c", LOOP_LEFT_AS_IT_IS, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout.split(), done.stderr) == (["Hello"] * 3, "")


LOOP_OF_A_THREAD = """
import asyncio, atexit, sys, threading, time

asked = []
atexit.register(lambda: print(*[turn.result(10) for turn in asked]))
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()

from remote_agents import BlueNexus

agent = BlueNexus(base_url=sys.argv[1], api_key="k")
for _ in range(2):
    asked.append(asyncio.run_coroutine_threadsafe(agent.aask("Hi"), loop))
    asked[0].result()
time.sleep(0.5)
"""


@pytest.mark.parametrize("amid", [False, True], ids=["behind the answer", "amid the answer"])
def test_the_end_of_a_process_leaves_a_loop_that_runs_on_its_connections(amid: bool) -> None:
    late = [WHOLE[0], 1.5, WHOLE[1]] if amid else WHOLE
    with serving(WHOLE, late) as server:
        command = [sys.executable, "-X", "dev", "-c", LOOP_OF_A_THREAD, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["Hello"] * 2
    assert "Traceback" not in done.stderr


def test_sixteen_threads_with_their_own_loops_and_one_agent() -> None:
    with serving(ANSWER) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY)

        def work(number: int) -> list[str]:
            if number % 2:
                return [str(agent.ask("Hi")) for _ in range(5)]
            return [str(asyncio.run(agent.aask("Hi"))) for _ in range(5)]

        with ThreadPoolExecutor(16) as threads:
            assert list(threads.map(work, range(16))) == [["Hello"] * 5] * 16
        agent.close()


def _ask_in_child(agent: BlueNexus, answers: Any) -> None:
    answers.put([str(agent.ask("Hi")), str(asyncio.run(agent.aask("Hi")))])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_speaks_on_its_own_connections() -> None:
    with serving(WHOLE) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY, timeout=Timeout(first_event=5))
        assert str(agent.ask("Hi")) == "Hello"
        context = multiprocessing.get_context("fork")
        answers = context.Queue()
        child = context.Process(target=_ask_in_child, args=(agent, answers))
        child.start()
        assert answers.get(timeout=10) == ["Hello", "Hello"]
        child.join(10)
        assert child.exitcode == 0
        assert str(agent.ask("Hi")) == "Hello"
        assert server.connections == 3  # one of the parent, used twice, and two of the child
        agent.close()


def _ask(agent: BlueNexus) -> str:
    return str(agent.ask("Hi"))


def test_an_agent_works_in_a_pool_of_processes() -> None:
    with serving(WHOLE) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
            assert list(processes.map(_ask, [agent] * 4)) == ["Hello"] * 4
