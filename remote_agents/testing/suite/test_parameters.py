"""Arguments: each of the service's own reaches the request, and all that are common are taken."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest

from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.marks import in_each_face
from remote_agents.testing.ways import Way, asked, class_of, make

STANDARD = {"temperature": 0.5, "max_tokens": 100, "stop": ["zzz"], "timeout": 20.0}


@in_each_face
def test_every_parameter_reaches_the_request(
    agent_sandbox: Sandbox,
    agent_service: str,
    framework: str,
    agent_values: JsonMapping,
) -> None:
    given = _given(framework, agent_service, agent_values)
    settings = {**agent_sandbox.kwargs(agent_service), **given}
    asked(Way(framework, agent_service, streamed=False, awaited=False, **settings), "Hello")
    assert _sent(agent_sandbox, agent_service, given) == given


def test_every_parameter_can_be_given_to_one_call(
    agent_sandbox: Sandbox, agent_service: str, agent_values: JsonMapping
) -> None:
    given = _given("plain", agent_service, agent_values)
    make("plain", agent_service, **agent_sandbox.kwargs(agent_service)).ask("Hello", **given)
    assert _sent(agent_sandbox, agent_service, given) == given


@in_each_face
def test_every_argument_of_the_service_is_a_field(agent_service: str, framework: str) -> None:
    endpoint = ENDPOINTS[agent_service]
    fields = class_of(framework, endpoint).model_fields
    assert {*endpoint.parameters, *endpoint.options} <= set(fields)


@in_each_face
def test_a_misspelt_argument_is_named(
    agent_sandbox: Sandbox, agent_service: str, framework: str
) -> None:
    with pytest.raises(ConfigurationError, match="temperature"):
        make(framework, agent_service, **agent_sandbox.kwargs(agent_service), temprature=1)


@in_each_face
def test_what_all_models_take_is_taken(
    agent_sandbox: Sandbox, agent_service: str, framework: str
) -> None:
    settings = {**agent_sandbox.kwargs(agent_service), **STANDARD}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        way = Way(framework, agent_service, streamed=False, awaited=False, **settings)
    honoured = ENDPOINTS[agent_service].parameters
    said = " ".join(str(each.message) for each in told)
    for name in ("temperature", "max_tokens"):
        assert (name in said) is (name not in honoured)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert asked(way, "Hello").text


@in_each_face
def test_a_field_of_ones_own_is_laid_over_the_body(
    agent_sandbox: Sandbox, agent_service: str, framework: str
) -> None:
    settings = {**agent_sandbox.kwargs(agent_service), "extra_body": {"zzOwn": {"field": [7]}}}
    asked(Way(framework, agent_service, streamed=False, awaited=False, **settings), "Hello")
    requests = agent_sandbox.requests(agent_service)
    assert [each["method"] for each in requests if "zzOwn" in (each["body"] or {})] == ["POST"]
    assert _sent(agent_sandbox, agent_service, {"zzOwn": None}) == {"zzOwn": {"field": [7]}}


@in_each_face
def test_the_environment_says_where_the_agent_is(
    agent_sandbox: Sandbox, agent_service: str, framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in agent_sandbox.agents[agent_service]["env"].items():
        monkeypatch.setenv(name, value)
    way = Way(framework, agent_service, streamed=False, awaited=False)
    assert asked(way, "Hello").text


@in_each_face
def test_a_key_that_is_missing_is_named(
    agent_sandbox: Sandbox, agent_service: str, framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, settings = ENDPOINTS[agent_service], agent_sandbox.kwargs(agent_service)
    monkeypatch.delenv(f"{endpoint.env}_API_KEY", raising=False)
    del settings["api_key"]
    if endpoint.key_optional:
        assert make(framework, agent_service, **settings)
        return
    with pytest.raises(ConfigurationError, match=f"{endpoint.env}_API_KEY"):
        make(framework, agent_service, **settings)


# --- values --------------------------------------------------------------------------------------


def _given(framework: str, service: str, values: JsonMapping) -> JsonObject:
    fields = class_of(framework, ENDPOINTS[service]).model_fields
    names = ENDPOINTS[service].parameters
    return {name: values.get(name, _value_of(fields[name].annotation)) for name in names}


def _value_of(kind: object) -> Any:
    """A value that a parameter of this type may have."""
    if get_origin(kind) is Annotated:
        return _value_of(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return _value_of(next(each for each in get_args(kind) if each is not type(None)))
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    plain = get_origin(kind) or kind
    some: dict[Any, Any] = {bool: True, str: "some", list: ["some"], dict: {"some": "thing"}}
    return some.get(plain, 1)


def _sent(box: Sandbox, service: str, given: JsonMapping) -> JsonObject:
    """What of this stood in the requests, at any depth, whatever the case of the names."""
    found: JsonObject = {}
    for request in box.requests(service):
        found.update(_fields(request["body"]))
    return {name: found.get(_plain(name)) for name in given}


def _fields(value: object) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield _plain(name), inner
        yield from _fields(inner)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
