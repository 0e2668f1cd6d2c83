"""`client.check()` ticks what it has seen, and tells a wrong key from a wrong path."""

import json
import re
from typing import Any

import pytest

from remote_agents import NotFoundError
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import ENDPOINT_NAMES, make
from tests.raw_server import JSON, head, serving

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({}, ""),
    "key": ({"api_key": "wrong"}, "key"),
    "agent": ({"agent_id": "nobody"}, "agent"),
    "path": ({"base_url": "/elsewhere"}, "API"),
    "key and path": ({"base_url": "/elsewhere", "api_key": "wrong"}, "API"),
    "host": ({"base_url": "http://127.0.0.1:9"}, "host"),
}
STEPS = ["host", "API", "key", "agent", "answer", "first token"]


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_only_what_was_seen_is_ticked(
    endpoint: str, wrong: str, awaited: bool, sandbox: Sandbox
) -> None:
    settings, failed = WRONG[wrong]
    given = {**sandbox.kwargs(endpoint), "max_retries": 0}
    base = given["base_url"]
    given |= {k: base + v if v.startswith("/") else v for k, v in settings.items()}
    if ENDPOINTS[endpoint].agent_in_address and wrong in ("agent", "path", "key and path"):
        given["base_url"] = f"{base}-none"
        failed = "key" if wrong == "key and path" else "API"  # which this server looks at first
    client = make("plain", endpoint, **given)
    steps = await client.acheck() if awaited else client.check()
    ticked = [step.check for step in steps if step.ok]
    assert ticked == STEPS[: STEPS.index(failed) if failed else None]
    assert [step.check for step in steps if not step.ok] == ([failed] if failed else [])
    if failed == "API":
        wanted = given["base_url"].removesuffix("/elsewhere")
        assert f"POST {wanted}" in steps[-1].detail
    assert client.session("none") is None


NO_ROUTE = [
    (JSON, json.dumps({"message": "Cannot POST /api/x", "error": "Not Found", "statusCode": 404})),
    (JSON, json.dumps({"detail": "Not Found"})),
    (JSON, json.dumps({"message": "no Route matched with those values"})),
    ("text/plain", "404 page not found\n"),
    ("text/html", "<html><title>404 Not Found</title></html>"),
    (JSON, json.dumps({"conversation": ["Not a known one."]})),
    ("text/plain", ""),
]


@pytest.mark.parametrize(("kind", "body"), NO_ROUTE)
def test_a_404_of_another_server_is_no_unknown_agent(kind: str, body: str) -> None:
    answer: list[Any] = [head(kind, "404 Not Found", length=len(body)), body.encode()]
    with serving(answer) as server:
        client = make("plain", "bluenexus", base_url=server.url, api_key="k")
        (host, api) = client.check()
        assert (host.ok, api.check, api.ok) == (True, "API", False)
        with pytest.raises(
            NotFoundError, match="/api/v1/agents/default/chat/completions"
        ) as caught:
            client.ask("Hi")
    said = re.search(r"(cannot|no route|not)[\w ]+", body, re.IGNORECASE)
    assert said is None or said.group() in str(caught.value)
