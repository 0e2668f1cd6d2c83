"""Copies and pickles of a model, and what none of them shows."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import httpx
import pytest
from langchain_core.exceptions import ModelAuthenticationError
from langchain_core.load import dumpd, dumps
from pydantic import SecretStr

from tests.langchain.services import CHAT, LLMS, QUESTION, Tracer, chat, every_service

KEY = "sk-very-secret-0123456789"


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


def test_an_assignment_takes_effect(sandbox: Any) -> None:
    model = chat(sandbox, "bluenexus")
    model.temperature = 0.7
    model.invoke(QUESTION)
    assert sandbox.requests("bluenexus")[-1]["body"]["temperature"] == 0.7
