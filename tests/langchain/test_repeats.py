"""What frameworks repeat of themselves: never a turn that may have run."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import RetryPolicy

from langchain_agents._errors import as_model_error
from remote_agents import (
    AgentConnectionError,
    AgentError,
    AgentTimeoutError,
    RateLimitError,
    ServerError,
    safe_to_repeat,
)
from tests.langchain.services import chat, every_service

TEXT = "Close the first ticket"
ASK: Any = {"messages": [("user", TEXT)]}


def node(model: Any, policy: RetryPolicy) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node(
        "agent", lambda s: {"messages": [model.invoke(s["messages"])]}, retry_policy=policy
    )
    builder.add_edge(START, "agent")
    return builder.compile()


def quick(retry_on: Any = None) -> RetryPolicy:
    return RetryPolicy(initial_interval=0.01, **({"retry_on": retry_on} if retry_on else {}))


REPEATS: dict[str, Callable[[Any], Any]] = {
    "with_retry()": lambda m: m.with_retry(wait_exponential_jitter=False).invoke(TEXT),
    "bind().with_retry()": lambda m: m.bind(stop=["~"]).with_retry().invoke(TEXT),
    "RetryPolicy()": lambda m: node(m, quick()).invoke(ASK),
    "RetryPolicy(safe_to_repeat)": lambda m: node(m, quick(safe_to_repeat)).invoke(ASK),
    "ModelRetryMiddleware": lambda m: create_agent(
        m, middleware=[ModelRetryMiddleware(initial_delay=0.01)]
    ).invoke(ASK),
}


def posts(sandbox: Any) -> int:
    return sum(TEXT in str(request["body"]) for request in sandbox.requests())


@every_service
@pytest.mark.parametrize("fault", ["broken off", "502"])
@pytest.mark.parametrize("way", REPEATS)
def test_a_turn_that_may_have_run_is_not_repeated(
    sandbox: Any, service: str, way: str, fault: str
) -> None:
    model = chat(sandbox, service)
    if fault == "broken off":
        sandbox.drop_after(events=1, endpoint=service)
    else:
        sandbox.fail_next(status=502, endpoint=service)
    with pytest.raises(AgentError) as caught:
        REPEATS[way](model)
    assert not safe_to_repeat(caught.value)
    assert isinstance(caught.value, RuntimeError)
    assert posts(sandbox) == 1


@pytest.mark.parametrize("way", ["with_retry()", "RetryPolicy(safe_to_repeat)"])
def test_what_did_not_run_is_repeated(sandbox: Any, way: str) -> None:
    model = chat(sandbox, "bluenexus", max_retries=0)
    sandbox.fail_next(status=429, endpoint="bluenexus")
    REPEATS[way](model)
    assert posts(sandbox) == 2


@pytest.mark.parametrize(
    ("error", "safe"),
    [
        (AgentConnectionError("x"), True),
        (RateLimitError("x", status_code=429), True),
        (AgentTimeoutError("x", phase="connect"), True),
        (AgentTimeoutError("x", phase="idle"), False),
        (ServerError("x", status_code=500), False),
        (ServerError("x", status_code=503, retry_after=1.0), True),
        (ValueError("x"), False),
    ],
)
def test_what_is_safe(error: Any, safe: bool) -> None:
    assert safe_to_repeat(error) is safe
    if isinstance(error, AgentError):
        both = as_model_error(error)
        assert isinstance(both, RuntimeError) is not safe
        again = pickle.loads(pickle.dumps(both))
        assert type(again) is type(both)
        assert type(again).__name__ == type(error).__name__
