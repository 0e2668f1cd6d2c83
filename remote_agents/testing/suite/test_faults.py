"""A turn is never posted twice, and what has arrived is on the error."""

from __future__ import annotations

import pytest

from remote_agents.errors import (
    AgentError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.json_types import JsonObject
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.marks import every_way
from remote_agents.testing.ways import Way, asked

REFUSALS: dict[str, tuple[JsonObject, type[AgentError], int]] = {
    "400": ({"status": 400}, BadRequestError, 1),
    "401": ({"status": 401}, AuthenticationError, 1),
    "403": ({"status": 403}, PermissionDeniedError, 1),
    "404": ({"status": 404}, NotFoundError, 1),
    "429 for good": ({"status": 429, "retry_after": 0, "times": 2}, RateLimitError, 2),
    "500": ({"status": 500}, ServerError, 1),
    "503": ({"status": 503}, ServerError, 1),
}
BROKEN: dict[str, tuple[str, JsonObject, type[AgentError]]] = {
    "reset": ("reset_before_response", {}, StreamInterruptedError),
    "dropped": ("drop_after", {"events": 6}, StreamInterruptedError),
    "cut": ("truncate_after", {"events": 6}, StreamInterruptedError),
    "web page": ("wrong_content_type", {}, StreamProtocolError),
}


@every_way
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal(
    agent_sandbox: Sandbox,
    agent_service: str,
    framework: str,
    streamed: bool,
    awaited: bool,
    refusal: str,
) -> None:
    order, expected, posts = REFUSALS[refusal]
    settings = {**agent_sandbox.kwargs(agent_service), "max_retries": 1}
    way = Way(framework, agent_service, streamed=streamed, awaited=awaited, **settings)
    agent_sandbox.fail_next(endpoint=agent_service, **order)
    with pytest.raises(expected) as caught:
        asked(way, "Hello")
    assert caught.value.endpoint == agent_service
    assert posts_of(agent_sandbox, agent_service) == posts
    assert asked(way, "Hello").text


@every_way
@pytest.mark.parametrize("fault", BROKEN)
def test_an_answer_that_breaks_off(
    agent_sandbox: Sandbox, agent_service: str, agent_way: Way, fault: str
) -> None:
    kind, order, expected = BROKEN[fault]
    agent_sandbox.fault(kind, endpoint=agent_service, **order)
    with pytest.raises(expected) as caught:
        ask_for_all(agent_way, fault)
    assert posts_of(agent_sandbox, agent_service) == 1
    if order and agent_way.streamed and ENDPOINTS[agent_service].streams:
        assert caught.value.partial
    assert not caught.value.safe_to_repeat
    assert asked(agent_way, "Hello").text


def ask_for_all(way: Way, fault: str) -> None:
    """One turn that breaks off, if anybody can tell."""
    text = asked(way, "Count to 30").text
    if fault == "cut" and ENDPOINTS[way.endpoint].eof_ends and "30" not in text:
        pytest.skip("The end of the connection is the end of its answers.")


def posts_of(box: Sandbox, service: str) -> int:
    """How often a turn was posted."""
    return sum(request["method"] == "POST" for request in box.requests(service))
