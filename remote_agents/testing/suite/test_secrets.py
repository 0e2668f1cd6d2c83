"""Keys, and what goes along with them, are shown nowhere: not by a model, an error or a log."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

import pytest

from remote_agents.errors import AgentError
from remote_agents.json_types import Arguments
from remote_agents.recording.recorder import Recorder
from remote_agents.sandbox import Sandbox
from remote_agents.testing.marks import every_way, in_each_face
from remote_agents.testing.ways import Way, asked, make

KEY = "a-key-of-42-letters"
TOKEN = "a-token-of-17-letters"
BODY = "a-field-of-23-letters"


def secret_settings(box: Sandbox, service: str) -> Arguments:
    """Arguments with something secret in each place that may hold it."""
    known = {"api_key": KEY, "default_headers": {"x-token": TOKEN}, "extra_body": {"zz": BODY}}
    return {**box.kwargs(service), **known}


def hides(text: str) -> None:
    """A text holds nothing of that."""
    assert [secret for secret in (KEY, TOKEN, BODY) if secret in text] == []


@in_each_face
def test_a_model_shows_none(agent_sandbox: Sandbox, agent_service: str, framework: str) -> None:
    model = make(framework, agent_service, **secret_settings(agent_sandbox, agent_service))
    hides(f"{model!r} {model} {model.agent!r} {model.model_dump_json()} {model.model_dump()}")
    hides(_serialized(framework, model))


def _serialized(framework: str, model: Any) -> str:
    if framework == "langchain":
        from langchain_core.load import dumps

        return dumps(model)
    return json.dumps(model.to_dict(), default=str) if framework == "llamaindex" else ""


@every_way
def test_an_error_and_the_log_show_none(
    agent_sandbox: Sandbox,
    agent_service: str,
    framework: str,
    streamed: bool,
    awaited: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = {**secret_settings(agent_sandbox, agent_service), "max_retries": 0}
    way = Way(framework, agent_service, streamed=streamed, awaited=awaited, **settings)
    said = f"The key {KEY} of {TOKEN} is none"
    agent_sandbox.fail_next(401, body={"message": said}, endpoint=agent_service)
    with caplog.at_level(logging.DEBUG), pytest.raises(AgentError) as caught:
        asked(way, "Hello")
    shown = "".join(traceback.format_exception(caught.value))
    for text in (shown, caplog.text, repr(caught.value), str(vars(caught.value))):
        assert KEY not in text
        assert BODY not in text


@in_each_face
def test_an_answer_and_its_recording_show_none(
    agent_sandbox: Sandbox, agent_service: str, framework: str
) -> None:
    settings = secret_settings(agent_sandbox, agent_service)
    key = settings["api_key"] = agent_sandbox.kwargs(agent_service)["api_key"]
    way = Way(framework, agent_service, streamed=True, awaited=False, **settings)
    with Recorder(way.model) as recorder:
        answer = asked(way, "My favourite word is heliotrope.")
    told = str(recorder.transcript())
    for text in (told, f"{answer.metadata} {answer.message!r}"):
        hides(text)
        assert key not in text
    assert "heliotrope" not in told
