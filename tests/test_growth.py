"""What a service sends costs time in proportion to its size, and ends at `max_body_bytes`."""

import asyncio
import gc
import json
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest

from remote_agents import AgentError, StreamProtocolError
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import FRAMEWORKS, Way
from remote_agents.types import Message, ReasoningDelta, TextDelta, Turn
from remote_agents.wire.reader import Reader
from tests.raw_server import flood, head, serving
from tests.test_decode_fuzz import AGENTS, SAMPLES

pytestmark = pytest.mark.filterwarnings("ignore::remote_agents.EmptyAnswerWarning")

FEW, TIMES = 1500, 4
BRIEF = 0.25  # seconds of many frames that need no comparison
NUMBER = "@number@"
FIXED = frozenset({"type", "role", "op", "object", "finish_reason", "outcome", "reason"})


def marked(value: Any) -> Any:
    """A frame in whose texts and ids a number can be written."""
    if isinstance(value, dict):
        return {k: v if k in FIXED else marked(v) for k, v in value.items()}
    if isinstance(value, list):
        return [marked(item) for item in value]
    return f"{value}{NUMBER}" if isinstance(value, str) else value


def chunks_of(sample: Any, unique: bool) -> list[bytes]:
    """Frames of a kind, each with texts and ids of its own if they are `unique`."""
    frame = b"data: %s\n\n" % json.dumps(marked(sample) if unique else sample).encode()
    return [frame.replace(NUMBER.encode(), b"%d" % number) for number in range(FEW * TIMES)]


def decode_of(endpoint: str) -> Any:
    """How the stream of a turn is read; services that ask something before are answered."""
    agent = AGENTS[endpoint]
    flow = agent.endpoint.turn(Turn(agent.agent_id, [Message("user", "Hi")], True))
    step = next(flow)
    while not hasattr(step, "decode"):
        step = flow.send(type("Answer", (), {"data": {"conversationId": "c"}})())
    return step.decode


def reader_of(endpoint: str) -> Reader:
    agent = AGENTS[endpoint]
    return Reader(
        decode_of(endpoint),
        agent.new_reply(),
        agent.endpoint,
        context=agent.context,
        unknown_frames="count",
    )


def cost_no_more(endpoint: str, chunks: list[bytes]) -> bool:
    """Whether all frames took about as long, each, as the first ones."""
    reader = reader_of(endpoint)
    begun, few = time.process_time(), 0.0
    for at, chunk in enumerate(chunks):
        if at == FEW:
            few = time.process_time() - begun
        reader.take(chunk)
        if reader.failure or reader.over:
            break
    return time.process_time() - begun < max(BRIEF, 2.2 * TIMES * few)


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_many_frames_of_a_kind_cost_no_more_each(endpoint: str, unique: bool) -> None:
    for sample in SAMPLES[endpoint]:
        chunks = chunks_of(sample, unique)
        # Another process may have slowed one run.
        assert any(cost_no_more(endpoint, chunks) for _ in range(3)), sample


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_stream_that_waits_holds_no_frames(endpoint: str) -> None:
    reader, mark = reader_of(endpoint), f"mark-{endpoint}"
    frames = [{**sample, mark: []} for sample in SAMPLES[endpoint] if isinstance(sample, dict)]
    reader.take(b"".join(b"data: %s\n\n" % json.dumps(frame).encode() for frame in frames))
    with suppress(AgentError):
        reader.check()
    assert frames
    del frames
    assert [found for found in gc.get_objects() if type(found) is dict and mark in found] == []


@pytest.mark.parametrize("kind", [TextDelta, ReasoningDelta])
def test_a_long_answer_in_short_pieces_holds_little_more_than_its_letters(kind: Any) -> None:
    reply = AGENTS["bluenexus"].new_reply()
    tracemalloc.start()
    for number in range(50_000):
        reply.add(kind(f"{number:05}"))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    said = reply.text + reply.reasoning
    assert said == "".join(f"{number:05}" for number in range(50_000))
    assert held < 3 * len(said)


EVENT = b'data: {"choices":[{"delta":{"content":"and so on, "}}]}\n\n'


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("awaited", [True, False])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_endless_stream_ends_in_every_face(
    framework: str, awaited: bool, streamed: bool
) -> None:
    with serving([head(), flood(EVENT * 200)]) as server:
        way = Way(
            framework,
            "bluenexus",
            streamed=streamed,
            awaited=awaited,
            base_url=server.url,
            api_key="k",
            max_retries=0,
            max_body_bytes=3 << 20,
        )
        begun = time.monotonic()
        with pytest.raises(AgentError, match="max_body_bytes") as caught:
            asyncio.run(way.ask("Hi"))
        assert time.monotonic() - begun < 60
    assert isinstance(caught.value, StreamProtocolError)
    assert len(caught.value.partial) > 500_000
    assert not caught.value.safe_to_repeat


def event(kind: str, **fields: Any) -> bytes:
    return b"data: %s\n\n" % json.dumps({"type": kind, **fields}).encode()


def called(n: int) -> bytes:
    """A call of the agent's own, and what came of it."""
    call = {"toolCallId": f"c{n}"}
    return b"".join(
        (
            event("TOOL_CALL_START", toolCallName="find", **call),
            event("TOOL_CALL_END", **call),
            event("TOOL_CALL_RESULT", content="found", messageId=f"m{n}", **call),
        )
    )


BEGUN = event("RUN_STARTED", threadId="t", runId="r")
ENDS = [
    event("TEXT_MESSAGE_CHUNK", messageId="m", role="assistant", delta="Hello"),
    event("RUN_FINISHED", threadId="t", runId="r"),
]


def seconds(framework: str, told: list[bytes]) -> float:
    """What it costs to read a run."""
    with serving([head(), b"".join([BEGUN, *told, *ENDS])]) as server:
        way = Way(framework, "ag_ui", streamed=False, awaited=False, base_url=server.url)
        begun = time.process_time()
        assert asyncio.run(way.ask("Hi")).text == "Hello"
        return time.process_time() - begun


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_many_calls_of_an_agents_own_cost_no_more_each(framework: str) -> None:
    told = [called(n) for n in range(FEW * TIMES)]
    assert any(
        seconds(framework, told) < max(2 * BRIEF, 2.5 * TIMES * seconds(framework, told[:FEW]))
        for _ in range(3)
    )


def test_a_change_of_a_state_costs_nothing_for_what_it_leaves_as_it_is() -> None:
    state = event("STATE_SNAPSHOT", snapshot={"pages": [[n] for n in range(20_000)]})
    turns = [{"op": "add", "path": "/turn", "value": n} for n in range(200)]
    told = [state, *(event("STATE_DELTA", delta=[turn]) for turn in turns)]
    assert any(seconds("plain", told) < BRIEF + 2 * seconds("plain", [state]) for _ in range(3))
