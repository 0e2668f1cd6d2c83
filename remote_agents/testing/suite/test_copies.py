"""Copies of a model answer as it does."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from remote_agents.sandbox import Sandbox
from remote_agents.testing.marks import in_each_face, sync_and_async
from remote_agents.testing.suite.test_memory import ASKED, TOLD
from remote_agents.testing.ways import Way, asked, make


def pickled(model: object) -> Any:
    """What another process gets."""
    return pickle.loads(pickle.dumps(model))


@in_each_face
@pytest.mark.parametrize("copied", [pickled, copy.deepcopy, copy.copy])
@sync_and_async
def test_a_copy_answers_and_goes_on(
    agent_sandbox: Sandbox, agent_service: str, framework: str, copied: Any, awaited: bool
) -> None:
    settings = agent_sandbox.kwargs(agent_service)
    way = Way(framework, agent_service, streamed=True, awaited=awaited, **settings)
    first = asked(way, TOLD, session="copied")
    history = [way.question(TOLD), first.message]

    way.model = copied(way.model)

    assert "heliotrope" in asked(way, ASKED, history, session="copied").text


@in_each_face
def test_a_copy_hides_its_key(agent_sandbox: Sandbox, agent_service: str, framework: str) -> None:
    settings = agent_sandbox.kwargs(agent_service)
    model = make(framework, agent_service, **settings)
    for again in (pickled(model), copy.deepcopy(model)):
        assert settings["api_key"] not in f"{again!r} {again.agent!r} {again.model_dump_json()}"
