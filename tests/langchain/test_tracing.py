"""What tracers, counters and profiles are told of a model."""

from __future__ import annotations

import time
from typing import Any

from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import HumanMessage

from tests.langchain.services import CHAT, QUESTION, Tracer, chat, every_keeping, every_service


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
