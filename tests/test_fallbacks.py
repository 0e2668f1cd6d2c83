"""A refusal behind which a turn goes on: what is sent then is the same question, with all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from remote_agents import Message
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import FRAMEWORKS, Way

QUESTION = "How many vacation days do I get?"
OWN = {"zzOwn": {"tenant": "acme"}}
HEADERS = {"X-Own": "acme"}
each_face = pytest.mark.parametrize("framework", FRAMEWORKS)
each_shape = pytest.mark.parametrize("streamed", [False, True])
sync_and_async = pytest.mark.parametrize("awaited", [False, True])


def throttled(box: Sandbox, service: str) -> None:
    box.fail_next(status=429, retry_after=0, endpoint=service)


def unauthorized(box: Sandbox, service: str) -> None:
    box.fail_next(status=401, endpoint=service)


def disallowed(box: Sandbox, service: str) -> None:
    detail = [{"error_code": "DISALLOWED_ROLE", "loc": [], "msg": "Not allowed", "type": "value"}]
    box.fail_next(status=400, body={"detail": detail}, endpoint=service)


FALLBACKS: dict[str, tuple[str, Callable[[Sandbox], None]]] = {
    "another root": ("maiagent", lambda box: box.configure(maiagent_root="/api/v1")),
    "another route": ("private_ai", lambda box: box.configure(private_ai_route="agents")),
    "a slash": ("ag_ui", lambda box: box.configure(ag_ui_slash=True)),
    "no system message": ("private_ai", lambda box: box.configure(refuse_system=True)),
    "no such role": ("private_ai", lambda box: disallowed(box, "private_ai")),
    **{f"throttled, {s}": (s, lambda box, s=s: throttled(box, s)) for s in ENDPOINTS},
    **{f"a fresh key, {s}": (s, lambda box, s=s: unauthorized(box, s)) for s in ENDPOINTS},
}


def instruction(framework: str) -> Any:
    """A system message in the framework's own type."""
    if framework == "langchain":
        from langchain_core.messages import SystemMessage

        return SystemMessage("Be brief.")
    if framework == "llamaindex":
        from llama_index.core.llms import ChatMessage

        return ChatMessage("Be brief.", role="system")
    return Message("system", "Be brief.")


@pytest.mark.parametrize("of", ["the constructor", "the call"])
@pytest.mark.parametrize("fallback", FALLBACKS)
@each_face
@sync_and_async
@each_shape
async def test_all_of_the_callers_goes_along(
    sandbox: Sandbox, framework: str, awaited: bool, streamed: bool, fallback: str, of: str
) -> None:
    service, refuse = FALLBACKS[fallback]
    settings = sandbox.kwargs(service)
    key = settings.pop("api_key")
    settings["api_key"] = lambda: key  # so that a 401 is no end
    call: dict[str, Any] = {}
    if of == "the call":
        call = {"extra_body": OWN, "headers": HEADERS}
    else:
        settings |= {"extra_body": OWN, "default_headers": HEADERS}
    way = Way(framework, service, streamed=streamed, awaited=awaited, **settings)
    refuse(sandbox)
    assert (await way.ask(QUESTION, [instruction(framework)], **call)).text
    first, second = sandbox.requests(service)
    assert first["status"] != 200
    assert first["headers"]["x-own"] == second["headers"]["x-own"] == "acme"
    bodies = [each["body"] for each in (first, second) if each["body"]]  # one may go unread
    assert bodies[-1] is second["body"]
    assert [body["zzOwn"] for body in bodies] == [OWN["zzOwn"]] * len(bodies)
