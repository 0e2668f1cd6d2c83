"""Ends, errors, secrets and copies."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.exceptions import (
    ModelAuthenticationError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelRateLimitError,
)
from langchain_core.load import dumpd, dumps
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers import BaseTracer
from pydantic import SecretStr

import langchain_agents._errors as both
import remote_agents
from langchain_agents._errors import as_model_error
from remote_agents import InMemorySessionStore, errors
from tests.langchain.services import CHAT, LLMS, QUESTION, chat, every_keeping, every_service

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


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(n for n in errors.__all__ if n[0].isupper()))
def test_every_error_is_a_model_error_too(name: str) -> None:
    mine = getattr(errors, name)("It broke.", endpoint="bluenexus", conversation_id="c1")
    mine.partial = "So far"
    error = as_model_error(mine)
    assert isinstance(error, getattr(remote_agents, name))
    assert isinstance(error, ModelError)
    useless = isinstance(mine, errors.ConfigurationError)
    assert error.is_retryable == (mine.safe_to_repeat and not useless)
    copied = pickle.loads(pickle.dumps(error))
    for each in (error, copied):
        assert isinstance(each, getattr(both, name))
        assert type(each) is type(error)
        assert str(each) == "It broke."
        assert vars(each) == vars(mine)


@every_service
@pytest.mark.parametrize(
    ("fault", "settings", "kind", "retryable"),
    [
        ({}, {"api_key": "wrong"}, ModelAuthenticationError, False),
        ({}, {"agent_id": "nobody"}, ModelNotFoundError, False),
        ({"status": 429}, {"max_retries": 0}, ModelRateLimitError, True),
        ({"status": 500}, {}, ModelError, False),
        ({"status": 400}, {}, ModelInvalidRequestError, False),
    ],
    ids=["key", "agent", "limit", "failure", "request"],
)
async def test_errors_mean_the_same(
    sandbox: Any, service: str, fault: Any, settings: Any, kind: Any, retryable: bool
) -> None:
    if service == "private_ai" and settings.get("agent_id"):
        settings = {"agent_id": "00000000-0000-0000-0000-000000000000"}
    if service == "maiagent" and settings.get("agent_id"):
        settings = {"agent_id": "00000000-0000-0000-0000-000000000000"}
    if service == "ag_ui" and settings.get("agent_id"):
        settings = {"base_url": f"{sandbox.url}/ag-ui/nobody"}
    model = chat(sandbox, service, **settings)
    asks: list[Any] = [
        lambda: asyncio.to_thread(model.invoke, "Hi"),
        lambda: model.ainvoke("Hi"),
        lambda: asyncio.to_thread(lambda: list(model.stream("Hi"))),
        lambda: asyncio.to_thread(lambda: model.stream_events("Hi", version="v3").output),
    ]
    for ask in asks:
        if fault:
            sandbox.fail_next(endpoint=service, **fault)
        with pytest.raises(kind) as caught:
            await ask()
        assert isinstance(caught.value, errors.AgentError)
        assert caught.value.is_retryable is retryable
        assert caught.value.endpoint == service
        assert caught.value.__suppress_context__  # one traceback, not two


@every_service
def test_what_was_received_is_kept(sandbox: Any, service: str) -> None:
    sandbox.drop_after(12, endpoint=service)
    with pytest.raises(errors.AgentError) as caught:
        list(chat(sandbox, service).stream("Count to 50"))
    assert caught.value.partial.startswith("1 2")
    assert not caught.value.is_retryable


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    for kind in (*CHAT.values(), *LLMS.values()):
        with pytest.raises(errors.ConfigurationError, match=r"temprature.*'temperature'"):
            kind(agent_id="a", api_key="k", base_url="https://x.example", temprature=1)


@pytest.mark.parametrize("service", [s for s in CHAT if not CHAT[s].endpoint.key_optional])
def test_a_missing_key_names_its_variable(service: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="_API_KEY"):
        CHAT[service](agent_id="a", base_url="https://x.example")


@pytest.mark.parametrize("kind", [CHAT["maiagent"], LLMS["maiagent"]])
def test_what_a_service_cannot_honour_gives_one_warning(kind: Any) -> None:
    with pytest.warns(UserWarning, match="MaiAgent has no temperature") as told:
        kind(agent_id="a", api_key="k", temperature=0.5)
    assert len(told) == 1


# --- secrets and copies --------------------------------------------------------------------------

KEY = "sk-very-secret-0123456789"


class Tracer(BaseTracer):
    """Keeps all that a tracer is given."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Any] = []

    def _persist_run(self, run: Any) -> None:
        self.runs.append(run)


@pytest.mark.parametrize("kinds", [CHAT, LLMS], ids=["chat", "llm"])
@every_service
def test_no_key_shows(kinds: Any, service: str) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert KEY in request.headers["authorization"]
        return httpx.Response(401, json={"detail": f"{KEY} is wrong"})

    client = httpx.Client(transport=httpx.MockTransport(respond))
    headers = {"X-Proxy": KEY}
    model = kinds[service](
        agent_id="a1",
        api_key=KEY,
        base_url="https://x.example.com",
        http_client=client,
        default_headers=headers,
    )
    tracer = Tracer()
    with pytest.raises(ModelAuthenticationError) as caught:
        model.invoke("Hi", {"callbacks": [tracer], "configurable": {"thread_id": "t"}})
    (run,) = tracer.runs
    shown = [
        repr(model),
        str(model),
        dumps(model),
        json.dumps(dumpd(model)),
        str(model.model_dump()),
        model.model_dump_json(),
        str(model.to_json()),
        str(model._identifying_params),
        str(caught.value),
        run.model_dump_json(),
        repr(run),
    ]
    assert not [text for text in shown if KEY in text]


@pytest.mark.parametrize("kinds", [CHAT, LLMS], ids=["chat", "llm"])
@every_service
def test_copies_work(sandbox: Any, kinds: Any, service: str) -> None:
    model = kinds[service](**sandbox.kwargs(service), tags=["one"])
    assert model.invoke(QUESTION)
    copies = {
        "pickle": pickle.loads(pickle.dumps(model)),
        "deepcopy": copy.deepcopy(model),
        "copy": copy.copy(model),
        "model_copy": model.model_copy(update={"max_retries": 0}),
    }
    for each in copies.values():
        assert each.invoke(QUESTION) == model.invoke(QUESTION) or kinds is CHAT
        assert isinstance(each.api_key, SecretStr)
        assert each.agent.name == model.agent.name
        assert each.tags == ["one"]
    assert copies["model_copy"].agent.max_retries == 0
    assert model.agent.max_retries == 2


def test_a_pickle_carries_the_key_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, sandbox: Any
) -> None:
    for name, value in sandbox.agents["bluenexus"]["env"].items():
        monkeypatch.setenv(name, value)
    pickled = pickle.dumps(CHAT["bluenexus"]())
    for name in sandbox.agents["bluenexus"]["env"]:
        monkeypatch.delenv(name)
    assert "25" in pickle.loads(pickled).invoke(QUESTION).text


def test_a_pickle_leaves_clients_behind_and_says_so(sandbox: Any) -> None:
    client = httpx.Client()
    model = chat(sandbox, "bluenexus", http_client=client)
    assert copy.deepcopy(model).http_client is client
    with pytest.warns(UserWarning, match="http_client"):
        pickled = pickle.dumps(model)
    assert pickle.loads(pickled).http_client is None


def test_an_assignment_takes_effect(sandbox: Any) -> None:
    model = chat(sandbox, "bluenexus")
    model.temperature = 0.7
    model.invoke(QUESTION)
    assert sandbox.requests("bluenexus")[-1]["body"]["temperature"] == 0.7


def test_a_deep_copy_shares_its_sessions(sandbox: Any) -> None:
    model = chat(sandbox, "bluenexus", session_store=InMemorySessionStore())
    copy.deepcopy(model).invoke("Hello", session_id="s")
    assert model.session("s") is not None


# --- tracing and tooling ----------------------------------------------------------------------


@every_keeping
async def test_what_a_tracer_is_told(sandbox: Any, service: str) -> None:
    tracer = Tracer()
    model = chat(sandbox, service)
    config: Any = {"callbacks": [tracer], "configurable": {"thread_id": "trace-1"}}
    await model.ainvoke(QUESTION, config)
    (run,) = tracer.runs
    assert run.metadata["ls_provider"] == service
    assert run.metadata["ls_model_name"] == model.agent.agent_id
    assert run.metadata["ls_model_type"] == "chat"
    assert set(run.metadata["lc_versions"]) >= {"langchain-core", "remote-agents"}
    params = run.extra["invocation_params"]
    assert params["base_url"] == sandbox.agents[service]["base_url"]
    assert params["thread_id"] == "trace-1"


@every_service
def test_usage_is_counted_by_langchain(sandbox: Any, service: str) -> None:
    with get_usage_metadata_callback() as counted:
        answer = chat(sandbox, service).invoke(QUESTION)
    names = [answer.response_metadata["model_name"]] if CHAT[service].endpoint.counts else []
    assert list(counted.usage_metadata) == names


@every_service
def test_tokens_are_counted_without_downloads(service: str) -> None:
    model = CHAT[service](agent_id="a", api_key="k", base_url="https://x.example")
    assert model.get_num_tokens("How many vacation days do I get?") == 8
    assert model.get_num_tokens("休假有几天") == 5
    assert model.get_num_tokens_from_messages([HumanMessage("Hi there")]) == 5
    exact = model.model_copy(update={"custom_get_token_ids": lambda text: [1, 2]})
    assert exact.get_num_tokens("Hi") == 2


@every_service
def test_the_profile_says_what_the_service_does(service: str) -> None:
    profile = CHAT[service](agent_id="a", api_key="k", base_url="https://x.example").profile
    assert profile is not None
    assert profile["tool_calling"] is (service == "ag_ui")
    assert profile["image_inputs"] is (service in ("ag_ui", "cloudbase", "maiagent"))
    assert profile["image_url_inputs"] is (service in ("ag_ui", "cloudbase"))
    assert profile["structured_output"] is (service == "private_ai")


def test_building_a_model_is_cheap() -> None:
    begun = time.perf_counter()
    for number in range(500):
        CHAT["bluenexus"](agent_id="a", api_key="k", base_url=f"https://h{number}.example")
    assert (time.perf_counter() - begun) / 500 < 0.002
