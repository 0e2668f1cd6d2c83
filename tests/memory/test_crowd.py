"""Many dialogues at once, edited, regenerated, broken off and mixed with other models' turns.

`FULL_SIZE=1` makes them 2,000 sessions of ten turns each.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from langchain_agents import ChatBlueNexus
from remote_agents import InMemorySessionStore
from remote_agents.sandbox import Sandbox
from tests.memory.crowd import Crowd, Worker, ask, gathered

SESSIONS, TURNS = (2000, 10) if os.environ.get("FULL_SIZE") else (40, 6)
LEASE = 2.0


@pytest.fixture
def box(sandbox: Sandbox) -> Any:
    sandbox.configure(word_delay=0.001)  # a long answer is never over before it is left
    yield sandbox
    sandbox.configure(word_delay=0.0)


def report(crowd: Crowd, began: float) -> None:
    print(
        f"{SESSIONS} sessions x {TURNS} turns in {time.monotonic() - began:.0f} s: {crowd.counts}"
    )


async def test_nobody_hears_another_and_each_is_answered_by_his_own_history(box: Sandbox) -> None:
    model = ChatBlueNexus(**box.kwargs("bluenexus"), session_store=InMemorySessionStore())

    async def here(number: int, history: list[BaseMessage], breaks: bool) -> BaseMessage | None:
        return await ask(model, number, history, breaks)

    began, crowd = time.monotonic(), Crowd(box, here, TURNS)
    await gathered(crowd, SESSIONS)
    report(crowd, began)
    assert min(crowd.counts[kind] for kind in ("edited", "regenerated", "broken")) > 5
    assert crowd.counts["another model's"] > 2
    assert crowd.counts["continued"] > crowd.counts["replayed"]


async def test_nor_over_four_processes_of_which_one_is_killed(
    box: Sandbox, postgres_url: str
) -> None:
    settings, workers = box.kwargs("bluenexus"), [Worker() for _ in range(4)]
    for worker in workers:
        await worker.start(settings["base_url"], settings["api_key"], postgres_url, str(LEASE))
    chance, asked = random.Random(1), 0

    async def elsewhere(
        number: int, history: list[BaseMessage], breaks: bool
    ) -> BaseMessage | None:
        nonlocal asked
        asked += 1
        if asked != SESSIONS * TURNS // 3:
            return await chance.choice(workers).ask(number, history, breaks)
        victim = max(workers, key=lambda worker: worker.waiting)
        workers.remove(victim)
        turn = asyncio.ensure_future(victim.ask(number, history, breaks))
        await asyncio.sleep(0)  # it is on its way
        victim.process.kill()
        return await turn

    began, crowd = time.monotonic(), Crowd(box, elsewhere, TURNS)
    await gathered(crowd, SESSIONS)
    for worker in workers:
        await worker.stop()
    report(crowd, began)
    assert len(workers) == 3
    assert crowd.counts["died"] > 0
    assert crowd.counts["continued"] > crowd.counts["replayed"]
