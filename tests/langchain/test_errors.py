"""Errors of a model, and arguments that it refuses."""

from __future__ import annotations

import asyncio
import pickle
from importlib.metadata import version
from typing import Any

import pytest
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAuthenticationError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelRateLimitError,
)
from langchain_core.messages import HumanMessage
from langgraph.runtime import Runtime

import langchain_agents._errors as both
import remote_agents
from langchain_agents._errors import as_model_error
from remote_agents import errors
from tests.langchain.services import CHAT, LLMS, chat, every_service


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


LANGCHAIN = [int(part) for part in version("langchain").split(".")[:2]]
TOO_LONG = {"error": {"code": "context_length_exceeded", "message": "At most 8192 tokens."}}


@every_service
@pytest.mark.parametrize(
    ("fault", "settings", "kind", "retryable"),
    [
        ({}, {"api_key": "wrong"}, ModelAuthenticationError, False),
        ({}, {"agent_id": "nobody"}, ModelNotFoundError, False),
        ({"status": 429}, {"max_retries": 0}, ModelRateLimitError, True),
        ({"status": 500}, {}, ModelError, False),
        ({"status": 400}, {}, ModelInvalidRequestError, False),
        ({"status": 400, "body": TOO_LONG}, {}, ContextOverflowError, False),
        (
            {"status": 422, "body": {"detail": "The prompt has too many tokens"}},
            {},
            ContextOverflowError,
            False,
        ),
        ({"status": 413, "body": TOO_LONG}, {}, ContextOverflowError, False),
    ],
    ids=["key", "agent", "limit", "failure", "request", "context", "tokens", "size"],
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
        assert type(pickle.loads(pickle.dumps(caught.value))) is type(caught.value)


@pytest.mark.skipif(LANGCHAIN < [1, 5], reason="langchain asks again since 1.5")
@every_service
def test_a_summary_of_what_is_too_long_is_asked_again_with_less(sandbox: Any, service: str) -> None:
    model = chat(sandbox, service)
    middleware = SummarizationMiddleware(model, trigger=("messages", 2), keep=("messages", 1))
    told = [HumanMessage("The sea is blue. " * 400), HumanMessage("The ship is red. " * 400)]
    sandbox.fail_next(status=400, body=TOO_LONG, endpoint=service)
    update = middleware.before_model({"messages": [*told, HumanMessage("Hi")]}, Runtime())
    assert update
    first, second = (row["headers"]["content-length"] for row in sandbox.requests(service)[-2:])
    assert int(second) < int(first)


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
