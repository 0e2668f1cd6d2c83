"""The LLMs: one answer whatever the way, settings, secrets, pickles."""

import copy
import json
import pickle

import pytest
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.base.llms.types import (
    ChatMessage,
    CitationBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from pydantic import ValidationError

import llamaindex_agents
from llamaindex_agents import BlueNexus, CloudBase, MaiAgent, PrivateAI, RemoteAgent
from remote_agents import (
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    Timeout,
)
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import NAMES
from tests.llamaindex.conftest import (
    CITING,
    COMPLETE,
    QUESTION,
    SERVICES,
    STREAMED,
    WAYS,
    Build,
    last,
    responses,
)

ASK = [ChatMessage(QUESTION)]


def token() -> str:
    """A key that is a function, at the top of a module as a pickle needs it."""
    return "a-fresh-token"


# --- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("service", SERVICES)
async def test_every_way_gives_the_same_answer(build: Build, service: str, way: str) -> None:
    llm = build(service)
    expected, found = llm.chat(ASK).message, (await last(llm, way, ASK)).message
    assert found.content == expected.content
    assert "25 vacation days" in found.content
    assert found.role is MessageRole.ASSISTANT
    assert [type(block) for block in found.blocks] == [type(block) for block in expected.blocks]
    assert sum(isinstance(block, TextBlock) for block in found.blocks) == 1
    known = found.additional_kwargs
    assert known["finish_reason"] == "stop"
    assert known["model_provider"] == service
    assert known["agent"] == llm.agent.name
    assert known["reply_id"]
    assert ("conversation_id" in known) == (llm.endpoint.keeps == "handed")
    assert json.loads(json.dumps(known)) == known


@pytest.mark.parametrize("way", COMPLETE)
@pytest.mark.parametrize("service", SERVICES)
async def test_complete_gives_the_same_answer(build: Build, service: str, way: str) -> None:
    llm = build(service)
    found = await responses(llm, way, QUESTION)
    assert found[-1].text == llm.chat(ASK).message.content
    assert found[-1].additional_kwargs["agent"] == llm.agent.name
    if "stream" in way:
        assert "".join(item.delta for item in found) == found[-1].text


@pytest.mark.parametrize("way", STREAMED)
@pytest.mark.parametrize("service", SERVICES)
async def test_a_stream_holds_the_text_so_far_and_what_is_new(
    build: Build, service: str, way: str
) -> None:
    text, thought = "", ""
    for response in await responses(build(service), way, ASK):
        text += response.delta
        thought += response.additional_kwargs.get("thinking_delta", "")
        assert response.message.content == text
    thinking = [b.content for b in response.message.blocks if isinstance(b, ThinkingBlock)]
    assert thinking == ([thought] if thought else [])
    assert bool(thought) == (service in ("ag_ui", "cloudbase"))
    assert response.message.additional_kwargs.get("reasoning", "") == thought


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("service", CITING)
async def test_citations_are_blocks_and_plain_data(build: Build, service: str, way: str) -> None:
    message = (await last(build(service), way, ASK)).message
    blocks = [block for block in message.blocks if isinstance(block, CitationBlock)]
    citations = message.additional_kwargs["citations"]
    assert len(blocks) == len(citations) >= 2
    assert "25 vacation days" in blocks[0].cited_content.text
    assert blocks[0].title == citations[0]["title"] == "vacation.md"
    assert citations[0]["score"] > 0


@pytest.mark.parametrize("service", SERVICES)
def test_streams_really_stream(sandbox: Sandbox, build: Build, service: str) -> None:
    sandbox.configure(word_delay=0.03)
    try:
        stream = build(service).stream_chat(ASK)
        first = next(r for r in stream if r.delta)
        assert sandbox.requests(service)[-1]["outcome"] == "open"
        rest = list(stream)
    finally:
        sandbox.configure(word_delay=0.0)
    assert len(first.message.content) < 30 < len(rest[-1].message.content)


@pytest.mark.parametrize("way", WAYS)
async def test_usage_is_in_raw_under_the_names_of_the_token_counter(build: Build, way: str) -> None:
    found = await responses(build("cloudbase"), way, ASK)
    usage = found[-1].raw["usage"]
    assert found[-1].raw["model"] == found[-1].raw["model_name"]
    assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"] > 10
    assert all(response.raw is None for response in found[:-1])


def test_steps_are_told_but_are_no_tool_calls(build: Build) -> None:
    message = build("cloudbase").chat(ASK).message
    assert [step["type"] for step in message.additional_kwargs["steps"]] == [
        "tool_call",
        "tool_result",
    ]
    assert not any(isinstance(block, ToolCallBlock) for block in message.blocks)
    assert "tool_calls" not in message.additional_kwargs


async def test_alternatives_are_kept(build: Build) -> None:
    llm = build("private_ai", n=2)
    for way in WAYS:
        assert (await last(llm, way, ASK)).message.additional_kwargs["alternatives"]


# --- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES.values())
def test_it_is_an_llm(name: str) -> None:
    kind = getattr(llamaindex_agents, name)
    assert issubclass(kind, BaseLLM)
    assert kind.class_name() == name
    assert "Examples:" in kind.__doc__


@pytest.mark.parametrize("service", SERVICES)
def test_metadata(build: Build, service: str) -> None:
    llm = build(service)
    metadata = llm.metadata
    assert metadata.context_window == 128_000
    assert metadata.is_chat_model
    assert metadata.is_function_calling_model is llm.endpoint.tools
    assert metadata.model_name == llm.agent_id
    assert metadata.system_role is MessageRole.SYSTEM
    assert build(service, context_window=8_000).metadata.context_window == 8_000
    assert build("private_ai", max_tokens=99).metadata.num_output == 99
    assert build("private_ai", max_completion_tokens=77).metadata.num_output == 77


def test_an_unknown_argument_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'temperature'"):
        PrivateAI(base_url="https://x", agent_id="a", api_key="k", temprature=1)
    with pytest.raises(ConfigurationError, match="did you mean 'session_id'"):
        BlueNexus(api_key="k", sesion_id="a")


@pytest.mark.parametrize("service", SERVICES)
def test_a_missing_key_says_which_variable_to_set(service: str) -> None:
    kind = getattr(llamaindex_agents, NAMES[service])
    prefix = kind.endpoint.env
    if kind.endpoint.key_optional:
        assert not kind(base_url="https://x.example").agent.key
        return
    with pytest.raises(ConfigurationError, match=f"{prefix}_API_KEY"):
        kind(base_url="https://x.example", agent_id="a")


def test_a_setting_that_the_service_lacks_is_warned_of_once() -> None:
    with pytest.warns(UserWarning, match="MaiAgent has no temperature"):
        MaiAgent(agent_id="a", api_key="k", temperature=0.5)


async def test_stop_works_everywhere(build: Build) -> None:
    for service in SERVICES:
        for way in WAYS:
            text = (await last(build(service, stop="vacation"), way, ASK)).message.content
            assert text.startswith("Full-time employees receive 25")
            assert "vacation" not in text


def test_parameters_of_one_call(sandbox: Sandbox, build: Build) -> None:
    llm = build("private_ai", temperature=0.9)
    llm.chat(ASK, temperature=0.1, seed=7)
    llm.chat(ASK)
    first, second = (r["body"] for r in sandbox.requests("private_ai"))
    assert (first["temperature"], first["seed"]) == (0.1, 7)
    assert second["temperature"] == 0.9
    assert "seed" not in second
    with pytest.raises(ConfigurationError, match="no argument of a call 'tools'"):
        llm.chat(ASK, tools=[{"name": "search"}])


def test_a_changed_field_is_used(sandbox: Sandbox, build: Build) -> None:
    llm = build("private_ai")
    llm.temperature = 0.3
    llm.chat(ASK)
    llm.model_copy(update={"temperature": 0.4}).chat(ASK)
    assert [r["body"]["temperature"] for r in sandbox.requests("private_ai")] == [0.3, 0.4]


@pytest.mark.parametrize("way", WAYS)
async def test_errors_are_ours(build: Build, way: str) -> None:
    with pytest.raises(AuthenticationError, match="BLUENEXUS_API_KEY") as refused:
        await last(build("bluenexus", api_key="wrong-key-1234"), way, ASK)
    assert "wrong-key-1234" not in str(refused.value)
    with pytest.raises(NotFoundError):
        await last(build("private_ai", agent_id="6b1f0c52-0000-0000-0000-000000000000"), way, ASK)


# --- secrets, copies, pickles ------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_the_key_shows_nowhere(build: Build, service: str) -> None:
    llm = build(service, api_key="sk-secret", default_headers={"X-Proxy-Key": "sk-secret"})
    llm.extra_body = {"tag": 1}
    shown = [repr(llm), str(llm), llm.to_dict(), llm.to_json(), llm.to_payload(), llm.model_dump()]
    assert "sk-secret" not in str(shown)
    assert llm.api_key.get_secret_value() == "sk-secret"


@pytest.mark.parametrize("service", SERVICES)
def test_to_dict_and_back(
    build: Build, service: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = build(service, max_retries=5, timeout=Timeout(idle=7)).for_session("u1")
    prefix = llm.endpoint.env
    monkeypatch.setenv(f"{prefix}_API_KEY", sandbox.kwargs(service)["api_key"])
    again = type(llm).from_dict(json.loads(llm.to_json()))
    assert json.loads(again.to_json()) == json.loads(llm.to_json())
    assert again.session_id == "u1"
    assert again.agent.timeout == Timeout(idle=7)
    assert again.agent.name == llm.agent.name
    assert "25 vacation days" in again.complete(QUESTION).text


@pytest.mark.parametrize("given", ["gpt-4", ["gpt-4"], None], ids=str)
def test_what_is_no_llm_is_refused_as_for_any_model(given: object) -> None:
    with pytest.raises(ValidationError, match="valid dictionary or instance"):
        BlueNexus.model_validate(given)


@pytest.mark.parametrize("service", SERVICES)
def test_pickles_and_copies_work(build: Build, service: str) -> None:
    llm = build(service, max_retries=5, context_window=9_000).for_session("u1")
    for again in (pickle.loads(pickle.dumps(llm)), copy.deepcopy(llm), copy.copy(llm)):
        assert again.session_id == "u1"
        assert again.context_window == 9_000
        assert again.agent.max_retries == 5
        assert again.agent.name == llm.agent.name
        assert "25 vacation days" in again.complete(QUESTION).text


def test_a_pickle_keeps_a_key_function() -> None:
    assert pickle.loads(pickle.dumps(BlueNexus(api_key=token))).api_key is token
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(BlueNexus(api_key=lambda: "key"))


def test_building_one_takes_well_under_a_millisecond() -> None:
    import timeit

    BlueNexus(api_key="k")
    seconds = min(timeit.repeat(lambda: BlueNexus(api_key="k"), number=50, repeat=5)) / 50
    assert seconds < 1e-3


@pytest.mark.parametrize("name", llamaindex_agents.__all__)
def test_exported_names(name: str) -> None:
    assert getattr(llamaindex_agents, name) is not None
    assert list(llamaindex_agents.__all__) == sorted(llamaindex_agents.__all__)
    assert name in dir(llamaindex_agents)


def test_a_sixth_service_is_a_five_line_class(build: Build, sandbox: Sandbox) -> None:
    class Sixth(RemoteAgent):
        endpoint = CloudBase.endpoint
        search_enable: bool | None = None

    llm = Sixth(**sandbox.kwargs("cloudbase"), search_enable=True)
    assert "25 vacation days" in llm.complete(QUESTION).text
    assert llm.class_name() == "Sixth"
