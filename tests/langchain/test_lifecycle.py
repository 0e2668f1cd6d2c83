"""How a stream ends: read to its end, left, closed, cancelled, or outliving its loop."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import (
    ModelError,
)
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda

from tests.langchain.services import LLMS, chat, every_service

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
LONG = "Count to 20000"


class Events(BaseCallbackHandler):
    """What callbacks are told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.told.append("end")

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.told.append(type(error).__name__)

    def wait(self, within: float = 10.0) -> None:
        deadline = time.monotonic() + within
        while not self.told and time.monotonic() < deadline:
            time.sleep(0.01)


def outcome(sandbox: Any, service: str, within: float = 10.0) -> str:
    """How the last request ended, as the server saw it."""
    deadline = time.monotonic() + within
    while True:
        last = sandbox.requests(service)[-1]
        if last["outcome"] != "open" or time.monotonic() > deadline:
            return str(last["outcome"])
        time.sleep(0.02)


def _break(model: Any, config: Any) -> None:
    for _ in model.stream(LONG, config):
        break


def _raise(model: Any, config: Any) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the consumer fails, not the stream
        for _ in model.stream(LONG, config):
            _ = 1 / 0


def _close(model: Any, config: Any) -> None:
    stream = model.stream(LONG, config)
    next(stream)
    stream.close()


async def _abreak(model: Any, config: Any) -> None:
    async for _ in model.astream(LONG, config):
        break


async def _araise(model: Any, config: Any) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the consumer fails, not the stream
        async for _ in model.astream(LONG, config):
            _ = 1 / 0


async def _acancel(model: Any, config: Any) -> None:
    begun = asyncio.Event()

    async def consume() -> None:
        async for _ in model.astream(LONG, config):
            begun.set()

    task = asyncio.create_task(consume())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _acancel_invoke(model: Any, config: Any) -> None:
    task = asyncio.create_task(model.ainvoke(LONG, config, stream=True))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def _v3_break(model: Any, config: Any) -> None:
    for _ in model.stream_events(LONG, config, version="v3"):
        break


def _v3_break_text(model: Any, config: Any) -> None:
    for _ in model.stream_events(LONG, config, version="v3").text:
        break


def _v3_raise(model: Any, config: Any) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the consumer fails, not the stream
        for _ in model.stream_events(LONG, config, version="v3"):
            _ = 1 / 0


def _v3_close(model: Any, config: Any) -> None:
    with model.stream_events(LONG, config, version="v3") as stream:
        text = iter(stream.text)
        first = next(text)
    with pytest.raises(ModelError, match="was closed"):
        _ = stream.output
    with pytest.raises(ModelError, match="was closed"):
        next(text)
    assert next(iter(stream.text)) == first


def _v3_drop(model: Any, config: Any) -> None:
    stream = model.stream_events(LONG, config, version="v3")
    assert next(iter(stream))["event"] == "message-start"
    assert next(iter(stream.text))  # another reader goes on from where the first left
    assert stream.text is stream.text
    assert not stream.done
    del stream


async def _av3_leaves(model: Any, config: Any) -> None:
    async with await model.astream_events(LONG, config, version="v3") as stream:
        async for _ in stream:
            break


async def _av3_break(model: Any, config: Any) -> None:
    async for _ in await model.astream_events(LONG, config, version="v3"):
        break


async def _av3_raise(model: Any, config: Any) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the consumer fails, not the stream
        async for _ in (await model.astream_events(LONG, config, version="v3")).text:
            _ = 1 / 0


async def _av3_cancel(model: Any, config: Any) -> None:
    begun = asyncio.Event()

    async def consume() -> None:
        async for _ in await model.astream_events(LONG, config, version="v3"):
            begun.set()

    task = asyncio.create_task(consume())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task


def _text_model(model: Any) -> Any:
    return LLMS[model.endpoint.name](
        base_url=model.base_url, agent_id=model.agent_id, api_key=model.api_key
    )


def _text_break(model: Any, config: Any) -> None:
    _break(_text_model(model), config)


async def _text_abreak(model: Any, config: Any) -> None:
    await _abreak(_text_model(model), config)


async def _text_acancel(model: Any, config: Any) -> None:
    await _acancel(_text_model(model), config)


def _bound_v3_break(model: Any, config: Any) -> None:
    _v3_break(model.bind(stop=["~"]), config)


async def _sequence_acancel(model: Any, config: Any) -> None:
    await _acancel(RunnableLambda(lambda text: text) | model | StrOutputParser(), config)


async def _ending(end: Any, model: Any, config: Any) -> None:
    if asyncio.iscoroutinefunction(end):
        await end(model, config)
    else:
        await asyncio.to_thread(end, model, config)


@every_service
@pytest.mark.parametrize(
    "end",
    [
        *(_break, _raise, _close, _abreak, _araise, _acancel, _acancel_invoke),
        *(_v3_break, _v3_break_text, _v3_raise, _v3_close, _v3_drop),
        *(_av3_leaves, _av3_break, _av3_raise, _av3_cancel),
        *(_text_break, _text_abreak, _text_acancel, _bound_v3_break, _sequence_acancel),
    ],
    ids=lambda end: end.__name__.strip("_"),
)
@pytest.mark.parametrize("heard", [True, False], ids=["heard", "unheard"])
@pytest.mark.usefixtures("without_gc")
async def test_leaving_a_stream_ends_it_at_once(
    sandbox: Any, service: str, end: Any, heard: bool
) -> None:
    events = Events()
    sandbox.configure(word_delay=0.01)
    try:
        await _ending(end, chat(sandbox, service), {"callbacks": [events] if heard else []})
        seen = await asyncio.to_thread(outcome, sandbox, service)
    finally:
        sandbox.configure(word_delay=0.0)
    assert seen == "disconnected"
    if heard:  # LangChain tells it from a task of its own, which may come after the server saw it
        await asyncio.to_thread(events.wait)
    assert events.told in ((["GeneratorExit"], ["CancelledError"]) if heard else ([],))


def test_a_stream_that_is_closed_unread_asks_nothing(sandbox: Any) -> None:
    events = Events()
    stream = chat(sandbox, "bluenexus").stream_events("Hi", {"callbacks": [events]}, version="v3")
    stream.close()
    with pytest.raises(ModelError, match="was closed"):
        _ = stream.output
    assert sandbox.requests("bluenexus") == []
    assert events.told == []


def test_a_whole_answer_outlives_its_stream(sandbox: Any) -> None:
    events = Events()
    model = chat(sandbox, "bluenexus")
    with model.stream_events("Hi", {"callbacks": [events]}, version="v3") as stream:
        text = stream.text
        whole = stream.output
    assert str(text) == str(stream.text) == whole.text
    assert list(stream) == list(stream)
    del stream
    assert text.get() == whole.text
    assert events.told == ["end"]


OUTLIVES = """
import asyncio, json, sys, warnings
warnings.simplefilter("ignore")
from langchain_agents import ChatBlueNexus

async def begun():
    model = ChatBlueNexus(**json.loads(sys.argv[1]))
    stream = await model.astream_events("Count to 20000", version="v3")
    async for _ in stream:
        return stream

loop = asyncio.new_event_loop()
stream = loop.run_until_complete(begun())
loop.close()
del stream
"""


def test_a_stream_may_outlive_its_loop(sandbox: Any) -> None:
    settings = json.dumps(sandbox.kwargs("bluenexus"))
    command = [sys.executable, "-c", OUTLIVES, settings]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "Event loop is closed" not in done.stderr
