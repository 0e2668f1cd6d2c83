"""What odd and broken streams become: nothing is lost, no TypeError, truncation is an error."""

import asyncio
import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ThinkingBlock

from llamaindex_agents import BlueNexus, PrivateAI
from remote_agents import (
    AgentError,
    AgentTimeoutError,
    RemoteFailureError,
    StreamInterruptedError,
    StreamProtocolError,
    Timeout,
)
from tests.llamaindex.conftest import STREAMED, Build, RawServer, responses

ASK = [ChatMessage("Hi")]
DONE = b"data: [DONE]\n\n"


def frame(delta: Any = None, finish: str | None = None, **extra: Any) -> bytes:
    choices = extra.pop("choices", [{"index": 0, "delta": delta, "finish_reason": finish}])
    return f"data: {json.dumps({'id': 'c1', 'choices': choices, **extra})}\n\n".encode()


def text(content: str) -> bytes:
    return frame({"content": content})


STOP = frame({}, "stop")
GOOD = (text("first "), text("second"), STOP, DONE)


@dataclass
class Row:
    """Bytes that a server sends, and what the caller gets."""

    name: str
    script: tuple[Any, ...]
    said: str = "first second"
    reason: str = "stop"
    thought: str = ""
    error: type[AgentError] | None = None
    message: str = ""
    timeout: Any = 3.0


ROWS = (
    Row("plain", GOOD),
    Row(
        "first chunk has only reasoning",
        (frame({"reasoning_content": "hm"}), *GOOD),
        thought="hm",
    ),
    Row("first chunk has only a role", (frame({"role": "assistant", "content": ""}), *GOOD)),
    Row("choices are null", (frame(choices=None), GOOD[0], frame(choices=None), *GOOD[1:])),
    Row("no choices", (frame(choices=[]), *GOOD)),
    Row("delta is null", (frame(None), GOOD[0], frame(None), *GOOD[1:])),
    Row("content is null", (frame({"content": None}), *GOOD)),
    Row("a ping", (b"event: ping\ndata: {}\n\n", *GOOD)),
    Row("a ping without data", (GOOD[0], b"event: ping\n\n", *GOOD[1:])),
    Row("comments", (b": keep-alive\n\n", GOOD[0], b":\n\n", *GOOD[1:])),
    Row("no [DONE]", GOOD[:3]),
    Row("no finish_reason", (*GOOD[:2], DONE)),
    Row("CRLF", tuple(part.replace(b"\n", b"\r\n") for part in GOOD)),
    Row("bytes in pieces", tuple(bytes([b]) for b in b"".join(GOOD))),
    Row(
        "a line that is no JSON",
        (GOOD[0], b"data: {oops\n\n", *GOOD[1:]),
        said="first ",
        error=StreamProtocolError,
    ),
    Row("cut by length", (*GOOD[:2], frame({}, "length"), DONE), reason="length"),
    Row(
        "an error event",
        (GOOD[0], b'event: error\ndata: {"message": "agent crashed"}\n\n'),
        said="first ",
        error=RemoteFailureError,
        message="agent crashed",
    ),
    Row(
        "an error object",
        (GOOD[0], b'data: {"error": {"message": "agent crashed"}}\n\n'),
        said="first ",
        error=RemoteFailureError,
        message="agent crashed",
    ),
    Row("end before the end", GOOD[:1], said="first ", error=StreamInterruptedError),
    Row("nothing at all", (), said="", error=StreamInterruptedError),
    Row("cut connection", (GOOD[0], "cut"), said="first ", error=StreamInterruptedError),
    Row(
        "silence",
        (GOOD[0], "stall"),
        said="first ",
        error=AgentTimeoutError,
        message="idle",
        timeout=Timeout(idle=0.3),
    ),
    Row(
        "silence from the start",
        ("stall",),
        said="",
        error=AgentTimeoutError,
        message="first_event",
        timeout=Timeout(first_event=0.3),
    ),
)


async def collected(llm: BlueNexus, way: str, **kwargs: Any) -> tuple[list[Any], Any]:
    """All responses of a stream, and the error that ended it."""
    found: list[Any] = []
    try:
        if way == "stream_chat":
            found.extend(llm.stream_chat(ASK, **kwargs))
        else:
            async for response in await llm.astream_chat(ASK, **kwargs):
                found.append(response)  # noqa: PERF401 - what came before an error counts
    except AgentError as error:
        return found, error
    return found, None


@pytest.mark.parametrize("way", STREAMED)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_fault_table(scripted: Build, server: RawServer, row: Row, way: str) -> None:
    llm = scripted(*row.script, timeout=row.timeout)
    found, error = await collected(llm, way)
    assert len(server.requests) == 1
    if row.error is not None:
        assert type(error) is row.error
        assert error.partial == row.said
        assert row.message in str(error)
        assert pickle.loads(pickle.dumps(error)).partial == row.said
        return
    assert error is None
    assert "".join(response.delta for response in found) == row.said
    message = found[-1].message
    assert message.content == row.said
    assert message.additional_kwargs["finish_reason"] == row.reason
    thoughts = [b.content for b in message.blocks if isinstance(b, ThinkingBlock)]
    assert "".join(thoughts) == row.thought


@pytest.mark.parametrize("way", STREAMED)
async def test_an_error_does_not_hide_what_came_before(scripted: Build, way: str) -> None:
    llm = scripted(*GOOD[:2], "cut")
    if way == "stream_chat":
        items: Iterator[Any] = llm.stream_chat(ASK)
        assert next(items).delta.startswith("first")
    found, error = await collected(scripted(*GOOD[:1]), way)
    assert [response.delta for response in found] == ["first "]
    assert isinstance(error, StreamInterruptedError)


@pytest.mark.parametrize("way", ["chat", "achat", *STREAMED])
async def test_citations_on_the_last_chunk_arrive(server: RawServer, way: str) -> None:
    source = {"text": "25 days", "metadata": {"origin_name": "handbook.pdf", "score": 0.8}}
    last = frame({}, "stop", index_context_info=[source], session_id="s1")
    server.script = [*GOOD[:2], last, DONE]
    llm = PrivateAI(base_url=server.url, agent_id="a", api_key="k", timeout=3)
    message = (await responses(llm, way, ASK))[-1].message
    assert message.additional_kwargs["citations"][0]["title"] == "handbook.pdf"
    assert message.additional_kwargs["conversation_id"] == "s1"
    assert message.blocks[-1].cited_content.text == "25 days"


@pytest.mark.parametrize("way", STREAMED)
async def test_the_conversation_id_reaches_the_caller(
    scripted: Build, server: RawServer, way: str
) -> None:
    server.HEAD = server.HEAD[:-2] + b"X-Conversation-Id: conv-7\r\n\r\n"
    found, _ = await collected(scripted(*GOOD), way)
    assert [r.message.additional_kwargs.get("conversation_id") for r in found][-1] == "conv-7"
    _, error = await collected(scripted(*GOOD[:1]), way)
    assert error.conversation_id == "conv-7"


@pytest.mark.parametrize("way", STREAMED)
async def test_the_conversation_id_can_be_passed(
    scripted: Build, server: RawServer, way: str
) -> None:
    await collected(scripted(*GOOD), way, conversation_id="conv-8")
    sent = json.loads(server.requests[0])
    assert sent["conversationId"] == "conv-8"
    assert "temperature" not in sent


# --- leaving early -----------------------------------------------------------------------------


STALLING = (GOOD[0], "stall")


@pytest.mark.usefixtures("without_gc")
@pytest.mark.parametrize("method", ["stream_chat", "stream_complete"])
@pytest.mark.parametrize("how", ["close", "break"])
def test_leaving_a_stream_hangs_up_at_once(
    scripted: Build, server: RawServer, how: str, method: str
) -> None:
    llm = scripted(*STALLING)
    stream = getattr(llm, method)(ASK if method == "stream_chat" else "Hi")
    for response in stream:
        assert response.delta == "first "
        break
    if how == "close":
        stream.close()
    else:
        del stream
    assert server.left.wait(2)


@pytest.mark.usefixtures("without_gc")
@pytest.mark.parametrize("method", ["astream_chat", "astream_complete"])
@pytest.mark.parametrize("how", ["aclose", "break", "cancel"])
async def test_leaving_an_async_stream_hangs_up_at_once(
    scripted: Build, server: RawServer, how: str, method: str
) -> None:
    llm = scripted(*STALLING)
    prompt = ASK if method == "astream_chat" else "Hi"
    started = asyncio.Event()

    async def read() -> None:
        stream = await getattr(llm, method)(prompt)
        async for response in stream:
            assert response.delta == "first "
            started.set()
            if how != "cancel":
                break
        if how == "aclose":
            await stream.aclose()

    task = asyncio.create_task(read())
    await asyncio.wait_for(started.wait(), 3)
    if how == "cancel":
        task.cancel()  # it waits for what comes next since it said so
    await asyncio.wait([task])
    assert task.cancelled() == (how == "cancel")
    assert await asyncio.to_thread(server.left.wait, 2)


def test_one_llm_serves_many_loops_and_threads(build: Build) -> None:
    from concurrent.futures import ThreadPoolExecutor

    llm = build("bluenexus")

    async def ask() -> str:
        return str((await llm.achat([ChatMessage("How many vacation days do I get?")])).message)

    one_after_another = [asyncio.run(ask()) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda _: asyncio.run(ask()), range(8)))
    assert len({*one_after_another, *at_once}) == 1
