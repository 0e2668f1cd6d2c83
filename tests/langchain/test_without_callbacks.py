"""A stream that no callback hears is the stream that one hears, and keeps nothing of it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.globals import set_debug
from langchain_core.messages import AIMessageChunk
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.tracers.context import collect_runs

from tests.langchain.recorded import recorded
from tests.langchain.services import chat, every_service

RUN_ID = UUID(int=1)
both_ways = pytest.mark.parametrize("way", ["sync", "async"])


class Starts(BaseCallbackHandler):
    """Counts the runs it hears of."""

    def __init__(self) -> None:
        self.count = 0

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.count += 1


async def read(model: Any, way: str, config: Any = None, **kwargs: Any) -> list[AIMessageChunk]:
    if way == "sync":
        return list(model.stream("Count to 30", config, **kwargs))
    return [chunk async for chunk in model.astream("Count to 30", config, **kwargs)]


@every_service
@both_ways
@pytest.mark.parametrize("settings", [{}, {"coalesce": False}], ids=["coalesced", "each"])
async def test_both_give_the_same_chunks(service: str, way: str, settings: Any) -> None:
    dumps = []
    for callbacks in ([], [Starts()]):
        config = {"callbacks": callbacks, "run_id": RUN_ID}
        chunks = await read(recorded(service, **settings), way, config)
        for chunk in chunks:
            chunk.response_metadata.pop("reply_id", None)  # some services leave it to us
        dumps.append([chunk.model_dump() for chunk in chunks])
        assert all(handler.count for handler in callbacks)
    assert dumps[0] == dumps[1]
    assert {chunk["id"] for chunk in dumps[0]} == {f"lc_run--{RUN_ID}"}


@both_ways
@pytest.mark.parametrize("callbacks", [[], [Starts()]], ids=["unheard", "heard"])
async def test_only_the_heard_is_kept(sandbox: Any, way: str, callbacks: Any) -> None:
    model = chat(sandbox, "bluenexus", coalesce=False)
    config: Any = {"callbacks": callbacks}
    seen: list[weakref.ref[Any]] = []
    if way == "sync":
        for chunk in model.stream("Count to 30", config):
            seen.append(weakref.ref(chunk))
            alive = sum(ref() is not None for ref in seen)
    else:
        async for chunk in model.astream("Count to 30", config):
            seen.append(weakref.ref(chunk))
            alive = sum(ref() is not None for ref in seen)
    assert len(seen) >= 30
    assert alive == len(seen) if callbacks else alive <= 2


@contextmanager
def _debugging() -> Iterator[None]:
    set_debug(True)
    try:
        yield
    finally:
        set_debug(False)


LISTENERS: dict[str, tuple[Any, Callable[[], AbstractContextManager[Any]]]] = {
    "config": (lambda seen: {"callbacks": [seen]}, nullcontext),
    "manager": (lambda seen: {"callbacks": CallbackManager([seen])}, nullcontext),
    "debug": (lambda seen: None, _debugging),
    "context": (lambda seen: None, collect_runs),
}


@both_ways
@pytest.mark.parametrize("listener", [*LISTENERS, "model"])
async def test_every_listener_hears(
    sandbox: Any, way: str, listener: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = Starts()
    if listener == "model":
        await read(chat(sandbox, "bluenexus", callbacks=[seen]), way)
        assert seen.count == 1
        return
    config, context = LISTENERS[listener]
    with context() as runs:
        await read(chat(sandbox, "bluenexus"), way, config(seen))
    heard = {
        "debug": "[llm/end]" in capsys.readouterr().out,
        "context": bool(runs and len(runs.traced_runs) == 1),
    }
    assert heard.get(listener, seen.count == 1)


@both_ways
async def test_one_who_comes_before_the_first_chunk_hears(sandbox: Any, way: str) -> None:
    model = chat(sandbox, "bluenexus")
    if way == "sync":
        stream = model.stream("Hi")
        with collect_runs() as runs:
            list(stream)
    else:
        chunks = model.astream("Hi")
        with collect_runs() as runs:
            _ = [chunk async for chunk in chunks]
    assert len(runs.traced_runs) == 1


class Counting(BaseRateLimiter):
    """Lets everything through."""

    def __init__(self) -> None:
        self.asked = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        self.asked += 1
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return self.acquire(blocking=blocking)


@both_ways
async def test_langchains_own_settings_hold(sandbox: Any, way: str) -> None:
    limiter = Counting()
    model = chat(sandbox, "bluenexus", rate_limiter=limiter)
    await read(model, way, ls_structured_output_format={"kwargs": {}})
    assert limiter.asked == 1
    whole = chat(sandbox, "bluenexus", disable_streaming=True)
    assert len(await read(whole, way)) == 1
