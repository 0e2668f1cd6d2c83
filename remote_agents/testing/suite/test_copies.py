"""Arguments, secrets and copies."""

from __future__ import annotations

import copy
import pickle

import pytest

from remote_agents.errors import ConfigurationError
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import FRAMEWORKS, class_of, make

each_face = pytest.mark.parametrize("framework", FRAMEWORKS)
KEY = "a-key-of-42-letters"


@each_face
def test_every_argument_of_the_service_is_a_field(agent_service: str, framework: str) -> None:
    endpoint = ENDPOINTS[agent_service]
    fields = class_of(framework, endpoint).model_fields
    assert {*endpoint.parameters, *endpoint.options} <= set(fields)


@each_face
def test_a_misspelt_argument_is_named(
    agent_sandbox: Sandbox, agent_service: str, framework: str
) -> None:
    with pytest.raises(ConfigurationError, match="temperature"):
        make(framework, agent_service, **agent_sandbox.kwargs(agent_service), temprature=1)


@each_face
def test_the_key_is_shown_nowhere(
    agent_sandbox: Sandbox, agent_service: str, framework: str
) -> None:
    settings = {**agent_sandbox.kwargs(agent_service), "api_key": KEY}
    model = make(framework, agent_service, **settings, default_headers={"x-token": KEY})
    shown = f"{model!r} {model} {model.model_dump_json()} {model.agent!r}"
    assert KEY not in shown


@each_face
def test_a_copy_answers(agent_sandbox: Sandbox, agent_service: str, framework: str) -> None:
    model = make(framework, agent_service, **agent_sandbox.kwargs(agent_service))
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert again.client.ask("Hello").text if framework != "plain" else again.ask("Hello").text
