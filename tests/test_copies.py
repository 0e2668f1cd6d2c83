"""Copies and pickles of a model, in every face: what they share, and what they leave behind."""

from __future__ import annotations

import asyncio
import copy
import pickle
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from remote_agents import InMemorySessionStore, cached_key
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import FRAMEWORKS, Way, asked, make

FACT, QUESTION = "My favourite word is heliotrope.", "What is my favourite word?"
SERVICES = [name for name, endpoint in ENDPOINTS.items() if endpoint.keeps != "none"]
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "model_copy": lambda model: model.model_copy(),
    "model_copy deep": lambda model: model.model_copy(deep=True),
}
every_face = pytest.mark.parametrize("framework", FRAMEWORKS)
every_copy = pytest.mark.parametrize("copied", COPIES)
DEEP = ["deepcopy", "model_copy deep"]


class Key:
    """A key function of somebody, that a pickle can hold."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self) -> str:
        return self.key


def pickled(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))


@every_face
@every_copy
@pytest.mark.parametrize("service", SERVICES)
def test_a_copy_goes_on_in_the_sessions_of_its_model(
    service: str, copied: str, framework: str, sandbox: Sandbox
) -> None:
    settings: dict[str, Any] = sandbox.kwargs(service)
    settings["api_key"] = cached_key(Key(settings["api_key"]))
    way = Way(framework, service, streamed=False, awaited=False, **settings)
    session = f"{framework}-{copied}"
    asked(way, FACT, session=session)
    way.model = COPIES[copied](way.model)
    assert way.model.api_key is settings["api_key"]
    assert "heliotrope" in asked(way, QUESTION, session=session).text


@every_face
@pytest.mark.parametrize("copied", DEEP)
def test_a_deep_copy_shares_what_is_alive(framework: str, copied: str) -> None:
    settings = {
        "http_client": httpx.Client(),
        "http_async_client": httpx.AsyncClient(),
        "session_store": InMemorySessionStore(),
        "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        "account": lambda: "alice",
    }
    model = make(framework, "bluenexus", api_key="k", extra_body={"a": [1]}, **settings)
    again = COPIES[copied](model)
    assert {name: getattr(again, name) for name in settings} == settings
    assert again.agent is model.agent
    assert again.extra_body == model.extra_body
    assert again.extra_body is not model.extra_body


@every_face
@pytest.mark.parametrize("name", ["http_client", "http_async_client"])
@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_a_pickle_leaves_clients_behind_and_says_so(
    framework: str, name: str, used: bool, sandbox: Sandbox
) -> None:
    client = httpx.Client() if name == "http_client" else httpx.AsyncClient()
    settings = {**sandbox.kwargs("bluenexus"), "max_retries": 5, name: client}
    way = Way(framework, "bluenexus", streamed=False, awaited=False, **settings)
    if used:
        asked(way, FACT)
    with pytest.warns(UserWarning, match=f"{name} does not go into a pickle") as warned:
        way.model = pickled(way.model)
    assert [each.filename for each in warned] == [__file__]
    assert getattr(way.model, name) is getattr(way.model.agent, name) is None
    assert way.model.agent.max_retries == 5
    assert asked(way, FACT).text
    client.close() if isinstance(client, httpx.Client) else asyncio.run(client.aclose())


@every_face
@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_whose_turns_a_key_function_asks_is_known_to_its_process_alone(
    framework: str, used: bool, sandbox: Sandbox
) -> None:
    settings: dict[str, Any] = sandbox.kwargs("bluenexus")
    settings["api_key"] = cached_key(Key(settings["api_key"]))
    way = Way(framework, "bluenexus", streamed=False, awaited=False, **settings)
    if used:
        asked(way, FACT, session="one")
    again = pickled(way.model)
    assert again.agent.account() != way.model.agent.account()
    assert pickled(make(framework, "bluenexus", api_key="k")).agent.account() == (
        make(framework, "bluenexus", api_key="k").agent.account()
    )
