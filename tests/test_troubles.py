"""A thousand streams of one instance meet all troubles at once; nothing of them remains.

`FULL_SIZE=1` runs them for a minute.
"""

import asyncio
import gc
import os
import random
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from remote_agents import AgentError, BlueNexus, Timeout
from tests.raw_server import sockets_of

FULL = bool(os.environ.get("FULL_SIZE"))
STREAMS, SECONDS = (1000, 60.0) if FULL else (100, 6.0)
LONGEST_STEP = 0.05  # seconds of work on the loop, garbage collections apart
REMAINS = 1 << 20
WAYS = {"whole", "left", "cancelled", "StreamInterruptedError", "AgentTimeoutError"}


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server in a process of its own, whose work does not count."""
    command = [sys.executable, "-m", "tests.troubled"]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as server:
        yield int(server.stdout.readline())
        server.stdin.close()


class Steps:
    """How much work the longest step of an event loop was, by this thread's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.longest, self._collecting, self._begun = 0.0, 0.0, 0.0
        run = asyncio.events.Handle._run

        def measured(handle: asyncio.Handle) -> None:
            begun, self._collecting = time.thread_time(), 0.0
            run(handle)
            self.longest = max(self.longest, time.thread_time() - begun - self._collecting)

        monkeypatch.setattr(asyncio.events.Handle, "_run", measured)
        gc.callbacks.append(self._note)

    def _note(self, phase: str, _: Any) -> None:
        if phase == "start":
            self._begun = time.thread_time()
        else:
            self._collecting += time.thread_time() - self._begun

    def stop(self) -> float:
        """The longest until now: the collections of what follows would be counted."""
        gc.callbacks.remove(self._note)
        return self.longest


async def reader(agent: BlueNexus, until: float, chance: random.Random) -> Counter[str]:
    """One stream after the other, each read in some way."""
    outcomes: Counter[str] = Counter()
    while time.monotonic() < until:
        way = chance.choice(["whole", "cancelled", "left", "slow"])
        task = asyncio.ensure_future(read(agent, way, chance))
        if way == "cancelled":
            await asyncio.sleep(chance.random() * 0.3)
            task.cancel()
        try:
            outcomes[await task] += 1
        except AgentError as error:
            outcomes[type(error).__name__] += 1
        except asyncio.CancelledError:
            outcomes["cancelled"] += 1
    return outcomes


async def read(agent: BlueNexus, way: str, chance: random.Random) -> str:
    events: Any = agent.astream("Hi")
    left = chance.randint(1, 10)
    async for _ in events:
        left -= 1
        if way == "left" and left < 0:
            await events.aclose()
            return "left"
        if way == "slow":
            await asyncio.sleep(0.01)
    return "whole"


def state(port: int) -> tuple[int, int, int]:
    return sockets_of(port), len(asyncio.all_tasks()), threading.active_count()


async def settled(port: int, threads: int) -> tuple[int, int, int]:
    """The state when all is closed: threads wait some seconds for more to do, a kernel a moment."""
    gc.collect()
    patience = time.monotonic() + 15
    while time.monotonic() < patience and (sockets_of(port) or threading.active_count() > threads):  # noqa: ASYNC110 - neither tells anybody
        await asyncio.sleep(0.05)
    return state(port)


async def round_of(agent: BlueNexus, streams: int, seconds: float) -> Counter[str]:
    until = time.monotonic() + seconds
    readers = (reader(agent, until, random.Random(seed)) for seed in range(streams))
    return sum(await asyncio.gather(*readers), Counter())


@pytest.mark.usefixtures("fresh_pools")  # whoever shares its connections keeps them open
async def test_nothing_remains_of_a_thousand_streams_in_trouble(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = BlueNexus(
        base_url=f"http://127.0.0.1:{port}",
        api_key="k",
        timeout=Timeout(connect=30, first_event=30, idle=1),
        max_retries=1,
    )
    await round_of(agent, 50, 2.0)  # until pools and caches are there
    before = state(port)
    tracemalloc.start()
    steps = Steps(monkeypatch)
    outcomes = await round_of(agent, STREAMS, SECONDS)
    longest = steps.stop()
    await agent.aclose()
    after, remains = await settled(port, before[2]), tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(f"\n{outcomes}; the longest step {1000 * longest:.0f} ms, {remains >> 10} KiB remain")
    assert set(outcomes) >= WAYS
    assert sum(outcomes.values()) >= STREAMS
    assert longest < LONGEST_STEP
    assert remains < REMAINS
    assert after[1] == before[1]
    assert after[0] == 0
    assert after[2] <= before[2]
