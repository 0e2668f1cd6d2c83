"""Many turns, at once and one after another: nothing is mixed up and nothing is left behind.

The loop takes as many turns as an account of BlueNexus has in an hour; to go on for longer,
`SOAK_SECONDS=180 make test ARGS="-k long_loop -s"`, which prints them.
"""

import asyncio
import gc
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from llama_index.core.base.llms.types import ChatMessage

import langchain_agents
import llamaindex_agents
from remote_agents import AgentError, BlueNexus, MaiAgent, TextDelta, Timeout
from remote_agents.http import pools
from remote_agents.sandbox import Sandbox
from tests.raw_server import sockets_of

SECONDS = float(os.environ.get("SOAK_SECONDS", "0"))  # at least
LONGEST = max(SECONDS, 60.0)  # on a machine that is slow
TURNS = 60 * 30
STREAMS = 200


@pytest.fixture(autouse=True)
def own_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that no agent of another test holds open."""
    monkeypatch.setattr(pools, "pools", pools.Pools())


def port_of(box: Sandbox) -> int:
    return int(box.url.rpartition(":")[2])


async def stream(agent: BlueNexus, question: str) -> tuple[str, int]:
    texts = [e.text async for e in agent.astream(question) if isinstance(e, TextDelta)]
    return "".join(texts), len(texts)


async def test_two_hundred_streams_at_once(sandbox: Sandbox) -> None:
    agent = BlueNexus(**sandbox.kwargs("bluenexus"), timeout=Timeout(None, None, None))
    questions = [f"Count to {150 + number}" for number in range(STREAMS)]
    tasks_before, sockets_before = len(asyncio.all_tasks()), sockets_of(port_of(sandbox))
    answers = await asyncio.gather(*(stream(agent, question) for question in questions))
    for number, (text, _) in enumerate(answers):
        words = text.replace(".", " ").replace(",", " ").split()
        assert [word for word in words if word.isdigit()] == [
            str(n) for n in range(1, 151 + number)
        ]
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == tasks_before
    assert {request["outcome"] for request in sandbox.requests("bluenexus")} == {"completed"}
    await agent.aclose()
    await asyncio.sleep(0.05)
    assert sockets_of(port_of(sandbox)) == sockets_before


@pytest.mark.parametrize("framework", ["plain", "langchain", "llamaindex"])
async def test_the_memory_of_a_stream(sandbox: Sandbox, framework: str) -> None:
    model = MODELS[framework](**sandbox.kwargs("bluenexus"))
    await _begun(framework, model)
    # However busy the machine is, no stream comes further than another while they are counted.
    sandbox.stall_after(20, endpoint="bluenexus", times=100)
    gc.collect()
    tracemalloc.start()
    streams = await asyncio.gather(*(_begun(framework, model) for _ in range(100)))
    held = tracemalloc.get_traced_memory()[0] / len(streams)
    tracemalloc.stop()
    for item in streams:
        await item.aclose()
    await model.aclose()
    assert held < 64 * 1024


MODELS: dict[str, Any] = {
    "plain": BlueNexus,
    "langchain": langchain_agents.ChatBlueNexus,
    "llamaindex": llamaindex_agents.BlueNexus,
}


async def _begun(framework: str, model: Any) -> Any:
    """A stream of 200 words whose first piece has arrived."""
    question = "Count to 200"
    if framework == "llamaindex":
        stream = await model.astream_chat([ChatMessage(question)])
    else:
        stream = model.astream(question)
    await anext(stream)
    return stream


def test_a_stream_may_be_collected_in_the_middle_of_another_request(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = BlueNexus(**sandbox.kwargs("bluenexus"))
    monkeypatch.setattr(pools, "pools", pools.Pools())
    stream: Any = agent.stream("Count to 200")
    next(stream)
    (client,) = pools.pools._clients.values()
    pool: Any = client.pool

    def collect() -> None:
        with pool._optional_thread_lock:
            stream.close()

    collecting = threading.Thread(target=collect, daemon=True)
    collecting.start()
    collecting.join(10)
    assert not collecting.is_alive()
    assert agent.ask("Hello").text
    agent.close()


async def test_cancelling_many_streams_at_once(sandbox: Sandbox) -> None:
    sandbox.configure(word_delay=0.05)
    before = sockets_of(port_of(sandbox))
    try:
        agent = BlueNexus(**sandbox.kwargs("bluenexus"))
        tasks = [asyncio.ensure_future(stream(agent, "Count to 200")) for _ in range(50)]
        await asyncio.sleep(0.5)
        begun = time.monotonic()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=5)
        assert time.monotonic() - begun < 1
        assert all(task.cancelled() for task in tasks)
        await asyncio.sleep(0.3)
        assert {r["outcome"] for r in sandbox.requests("bluenexus")} == {"disconnected"}
        assert sockets_of(port_of(sandbox)) == before
        assert (await agent.aask("Hello")).text
        await agent.aclose()
    finally:
        sandbox.configure(word_delay=0)


def rounds(box: Sandbox) -> Iterator[int]:
    """Turns of every kind: whole, streamed, left early, failed; sync and in loops that end.

    Yields how many they were.
    """
    kind, mai = BlueNexus(**box.kwargs("bluenexus")), MaiAgent(**box.kwargs("maiagent"))
    impatient = BlueNexus(**box.kwargs("bluenexus"), max_retries=0, timeout=Timeout(idle=0.05))
    number = 0
    while True:
        number += 1
        kind.ask("Hello", session_id=f"soak-{number % 10}")
        mai.ask("How many vacation days do I get?")
        for _ in kind.stream("Count to 30"):
            break
        asyncio.run(_async_round(kind))
        box.fault(("drop_after", "error_event", "stall_after")[number % 3], endpoint="bluenexus")
        with pytest.raises(AgentError):
            list(impatient.stream("Count to 30"))
        turns = len(box.turns())
        box.reset()
        yield turns


async def _async_round(agent: BlueNexus) -> None:
    await asyncio.gather(agent.aask("Hello"), stream(agent, "Count to 20"))
    async for _ in agent.astream("Count to 30"):
        break


def state(box: Sandbox) -> tuple[int, int, int, int]:
    gc.collect()
    process = psutil.Process()
    return (
        sockets_of(port_of(box)),
        threading.active_count(),
        process.num_fds(),
        process.memory_info().rss,
    )


def test_a_long_loop_leaves_nothing_behind(sandbox: Sandbox) -> None:
    turns = rounds(sandbox)
    for _ in range(15):  # until every pool, cache and arena is there
        next(turns)
    before, count, begun, seconds = state(sandbox), 0, time.monotonic(), 0.0
    while seconds < LONGEST and (count < TURNS or seconds < SECONDS):
        count += next(turns)
        seconds = time.monotonic() - begun
    after = state(sandbox)
    print(f"\n{count} turns in {seconds:.0f} s; {before} became {after}")
    assert count > 300
    assert after[0] <= before[0] + 1
    assert after[1] <= before[1]
    assert after[2] <= before[2] + 2
    assert after[3] - before[3] < 6 << 20
