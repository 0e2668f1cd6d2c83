"""Each path leads to its own service, and the errors that name one name all."""

import re

import pytest

from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.app.app import MODULES, PROTOCOLS
from remote_agents.sandbox.directory import AGENTS, endpoint_of, is_chat
from remote_agents.services import ENDPOINTS


def test_every_service_is_entered() -> None:
    assert set(AGENTS) == set(ENDPOINTS)
    assert {name: agent.env_prefix for name, agent in AGENTS.items()} == {
        name: endpoint.env for name, endpoint in ENDPOINTS.items()
    }


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocols_routes_are_its_own(name: str) -> None:
    paths = [re.sub(r"\{.*?\}", "an-id", route.path) for route in PROTOCOLS[name].routes]
    assert {endpoint_of(path) for path in paths} == {name}
    assert any(is_chat("POST", path) for path in paths)
    assert not any(is_chat("GET", path) for path in paths)


@pytest.mark.parametrize("name", MODULES)
def test_a_services_other_routes_are_its_own(name: str) -> None:
    for module in MODULES[name][1:]:
        paths = [re.sub(r"\{.*?\}", "an-id", route.path) for route in module.routes]
        theirs = [path for path in paths if not path.startswith("/_cos/")]  # another host's
        assert {endpoint_of(path) for path in theirs} == {name}


def test_an_unknown_endpoint_is_one_sentence(box: Sandbox) -> None:
    sentence = f"unknown endpoint 'typo'; there are: {', '.join(AGENTS)}"
    for ask in (box.kwargs, lambda name: box.fail_next(endpoint=name)):
        with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
            ask("typo")
