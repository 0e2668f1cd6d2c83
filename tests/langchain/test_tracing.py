"""What tracers, counters and profiles are told of a model."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.messages import HumanMessage
from langchain_core.messages.ai import add_ai_message_chunks as add
from langchain_core.outputs import LLMResult

from langchain_agents import agent_tool
from tests.langchain.services import (
    CHAT,
    LLMS,
    QUESTION,
    Tracer,
    chat,
    every_keeping,
    every_service,
)

COUNTS = ("input_tokens", "output_tokens", "total_tokens")


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
@pytest.mark.parametrize("kinds", [CHAT, LLMS], ids=["chat", "llm"])
def test_others_read_the_name_of_a_model(sandbox: Any, service: str, kinds: dict[str, Any]) -> None:
    model = kinds[service](**sandbox.kwargs(service))
    for each, name in (
        (model, model.agent_id),
        (model.model_copy(update={"model": "other"}), "other"),
    ):
        assert each.model_name == each._get_ls_params()["ls_model_name"] == name


@pytest.mark.filterwarnings("ignore:Field name .model_name.")
@pytest.mark.parametrize("kinds", [CHAT, LLMS], ids=["chat", "llm"])
def test_a_field_of_that_name_is_the_callers(sandbox: Any, kinds: dict[str, Any]) -> None:
    own = {"__annotations__": {"model_name": str}, "model_name": "mine", "__module__": __name__}
    model = type("Named", (kinds["ag_ui"],), own)(**sandbox.kwargs("ag_ui"))
    assert [model.model_name, model.model_copy(update={"model_name": "b"}).model_name] == [
        "mine",
        "b",
    ]


@every_service
def test_usage_is_counted_by_langchain(sandbox: Any, service: str) -> None:
    with get_usage_metadata_callback() as counted:
        answer = chat(sandbox, service).invoke(QUESTION)
    names = [answer.response_metadata["model_name"]] if CHAT[service].endpoint.counts else []
    assert list(counted.usage_metadata) == names


@every_service
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_the_run_within_a_tool_has_its_own_name(sandbox: Any, service: str, way: str) -> None:
    model, tracer = chat(sandbox, service), Tracer()
    helper = agent_tool(model, name="handbook", description="The handbook.")
    config: Any = {"callbacks": [tracer], "run_name": "look it up", "run_id": uuid.uuid4()}
    found = getattr(helper, way)({"question": QUESTION}, config)
    _ = await found if way == "ainvoke" else found
    (run,) = tracer.runs
    (inner,) = run.child_runs
    assert (run.name, inner.name) == ("look it up", type(model).__name__)
    assert inner.id != run.id


class Ends(BaseCallbackHandler):
    """What callbacks are told at the end of a run."""

    def __init__(self) -> None:
        self.results: list[LLMResult] = []

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        self.results.append(response)


@every_service
@pytest.mark.parametrize("version", [None, "v1"])
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
async def test_the_end_of_a_run_names_the_model(
    sandbox: Any, service: str, way: str, version: Any
) -> None:
    model, ends = chat(sandbox, service, output_version=version), Ends()
    answer = getattr(model, way)(QUESTION, {"callbacks": [ends]})
    if way == "stream":
        message = add(*answer)
    elif way == "astream":
        message = add(*[chunk async for chunk in answer])
    else:
        message = await answer if way == "ainvoke" else answer
    (result,) = ends.results
    metadata = message.response_metadata
    info = {name: metadata[name] for name in ("finish_reason", "model_name")}
    assert result.generations[0][0].generation_info == info
    usage = message.usage_metadata or {}
    told = metadata.get("token_usage", {})
    assert [*told.values()] == [usage[name] for name in COUNTS if usage]
    if "invoke" in way:
        assert result.llm_output == {
            "model_name": info["model_name"],
            **({"token_usage": told} if told else {}),
        }


@every_service
async def test_several_results_are_counted_together(sandbox: Any, service: str) -> None:
    model = chat(sandbox, service)
    prompts: Any = [[HumanMessage(QUESTION)], [HumanMessage(QUESTION)]]
    one = model.generate(prompts[:1]).llm_output
    for result in (model.generate(prompts), await model.agenerate(prompts)):
        assert result.llm_output["model_name"] == one["model_name"]
        usage = result.llm_output.get("token_usage")
        assert usage == ({k: 2 * n for k, n in one["token_usage"].items()} if usage else None)
        assert bool(usage) is CHAT[service].endpoint.counts


def test_what_a_cache_answers_costs_no_tokens(sandbox: Any) -> None:
    model = chat(sandbox, "bluenexus", cache=InMemoryCache())
    prompts: Any = [[HumanMessage(QUESTION)]]
    assert "token_usage" in (model.generate(prompts).llm_output or {})
    assert "token_usage" not in (model.generate(prompts).llm_output or {})


def test_a_profile_of_ones_own_adds_to_what_the_agent_can_do() -> None:
    settings: Any = {"agent_id": "a", "api_key": "k", "base_url": "https://x.example"}
    model = CHAT["private_ai"](**settings, profile={"max_input_tokens": 1000})
    assert model.profile["max_input_tokens"] == 1000
    assert model.profile["structured_output"]
    without = CHAT["private_ai"](**settings, profile={"structured_output": False})
    assert not without.profile["structured_output"]
    settings["agent_id"] = "agent-1"  # of those of CloudBase that are given tools
    assert CHAT["cloudbase"](**settings, profile={"max_input_tokens": 1000}).profile["tool_calling"]


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
