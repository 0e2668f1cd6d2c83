"""What LangChain's own tooling makes of our errors and switches."""

from contextlib import nullcontext
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware
from langchain_core.callbacks import BaseCallbackHandler, manager
from langchain_core.globals import set_debug, set_verbose
from langchain_core.outputs import LLMResult
from langchain_core.tracers import LangChainTracer
from langsmith import Client

from remote_agents import RateLimitError, ServerError, session
from remote_agents.sandbox import Sandbox
from tests.langchain.services import CHAT, LLMS, chat, every_keeping, every_service

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")


def posts(sandbox: Sandbox, service: str) -> int:
    return len([r for r in sandbox.requests(service) if r["method"] == "POST"])


@every_service
@pytest.mark.parametrize(
    ("fault", "expected", "turns"),
    [
        ({"status": 500}, ServerError, 1),
        ({"status": 429, "retry_after": 0}, RateLimitError, 2),
    ],
    ids=["what may have run", "what did not run"],
)
async def test_the_retry_middleware_repeats_only_what_did_not_run(
    sandbox: Sandbox, service: str, fault: dict[str, float], expected: type[Exception], turns: int
) -> None:
    sandbox.fail_next(endpoint=service, **fault)
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0.01, on_failure="error")
    agent = create_agent(chat(sandbox, service, max_retries=0), tools=[], middleware=[retry])
    question = {"messages": [("user", "How many vacation days do I get?")]}
    if turns == 1:
        with pytest.raises(expected):
            await agent.ainvoke(question)
    else:
        answer = await agent.ainvoke(question)
        assert "25 vacation days" in answer["messages"][-1].text
    assert posts(sandbox, service) == turns


class Told(BaseCallbackHandler):
    """What handlers are told, in its order; tokens joined."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def on_llm_start(self, serialized: Any, prompts: list[str], **kwargs: Any) -> None:
        self.events += [f"asked {prompts[0].removeprefix('Human: ')}", ""]

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        self.events[-1] += token

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        self.events += [f"told {response.generations[0][0].text}"]


async def _invoke(model: Any, config: Any) -> None:
    model.invoke("Hello", config)


async def _ainvoke(model: Any, config: Any) -> None:
    await model.ainvoke("Hello", config)


async def _stream(model: Any, config: Any) -> None:
    list(model.stream("Hello", config))


async def _astream(model: Any, config: Any) -> None:
    assert [piece async for piece in model.astream("Hello", config)]


async def _v3(model: Any, config: Any) -> None:
    list(model.stream_events("Hello", config, version="v3"))


async def _av3(model: Any, config: Any) -> None:
    await (await model.astream_events("Hello", config, version="v3"))


WHOLE = (_invoke, _ainvoke)
STREAMED = (_stream, _astream)
every_way = pytest.mark.parametrize(
    ("kinds", "way"),
    [
        *(pytest.param(CHAT, w, id=f"chat{w.__name__}") for w in (*WHOLE, *STREAMED, _v3, _av3)),
        *(pytest.param(LLMS, w, id=f"llm{w.__name__}") for w in (*WHOLE, *STREAMED)),
    ],
)


@every_service
@every_way
async def test_handlers_are_told_start_tokens_and_end(
    sandbox: Sandbox, service: str, kinds: Any, way: Any
) -> None:
    told = Told()
    await way(kinds[service](**sandbox.kwargs(service)), {"callbacks": [told]})
    asked, tokens, answer = told.events
    assert asked == "asked Hello"
    assert answer.startswith("told Hello!")
    assert tokens == ("" if way in WHOLE else answer.removeprefix("told "))


@every_way
async def test_verbose_means_a_handler_on_every_way(
    sandbox: Sandbox, kinds: Any, way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    monkeypatch.setattr(manager, "StdOutCallbackHandler", lambda: told)
    set_verbose(True)
    try:
        model = kinds["bluenexus"](**sandbox.kwargs("bluenexus"))
    finally:
        set_verbose(False)
    await way(model, None)
    assert [event[:10] for event in told.events] == [
        "asked Hell",
        "" if way in WHOLE else "Hello! Ask",
        "told Hello",
    ]


@every_service
@every_way
async def test_debug_prints_the_run_and_no_key(
    sandbox: Sandbox, service: str, kinds: Any, way: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    set_debug(True)
    try:
        await way(kinds[service](**sandbox.kwargs(service), verbose=True), None)
    finally:
        set_debug(False)
    printed = capsys.readouterr()
    for expected in ("[llm/start]", "Hello", "[llm/end]", "Ask me anything"):
        assert expected in printed.out
    assert sandbox.agents[service]["api_key"] not in printed.out + printed.err


class LangSmith(Client):
    """LangSmith's client, which keeps what it would send."""

    def __init__(self) -> None:
        super().__init__(api_url="http://127.0.0.1:1", api_key="none", auto_batch_tracing=False)
        self.sent: list[dict[str, Any]] = []

    def create_run(self, *args: Any, **run: Any) -> None:
        self.sent.append(run)

    def update_run(self, *args: Any, **run: Any) -> None:
        self.sent.append(run)


# LangSmith groups the runs of a thread by any of these names in their metadata.
THREAD_NAMES = ("session_id", "thread_id", "conversation_id")


@every_keeping
@pytest.mark.parametrize("key", [*THREAD_NAMES, "with"])
@pytest.mark.parametrize("way", [*WHOLE, *STREAMED, _v3, _av3], ids=lambda way: way.__name__[1:])
async def test_langsmith_groups_the_turns_of_a_session(
    sandbox: Sandbox, service: str, key: str, way: Any
) -> None:
    model, client = chat(sandbox, service), LangSmith()
    thread = "thread-1"
    config: Any = {"callbacks": [LangChainTracer(client=client)]}
    with session(thread) if key == "with" else nullcontext():
        if key != "with":
            config["configurable"] = {key: thread}
        await way(model, config)
    begun, ended = (run["extra"]["metadata"] for run in client.sent)
    for metadata in (begun, ended):
        assert [metadata[name] for name in THREAD_NAMES if name in metadata] == [thread]
    assert sandbox.agents[service]["api_key"] not in repr(client.sent)
