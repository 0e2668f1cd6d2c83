"""`client.check()` ticks what it has seen, and tells a wrong key from a wrong path."""

import json
import re
from typing import Any

import pytest

from remote_agents import NotFoundError
from remote_agents.oauth import client_credentials
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


PAGE = "<!doctype html><html><title>Sign in</title></html>"
NOTHING_SEEN: dict[str, tuple[list[Any], list[str]]] = {
    "silence": ([2.0], ["host"]),
    "no answer": ([], ["host"]),
    "an empty answer": ([head(JSON, length=0)], ["host"]),
    "an empty object": ([head(JSON, length=2), b"{}"], ["host"]),
    "a health page": ([head("text/plain", length=2), b"OK"], ["host"]),
    "a login page": ([head("text/html", "401 Unauthorized"), PAGE.encode()], ["host"]),
    "a wall": ([head("text/html", "403 Forbidden"), PAGE.encode()], ["host"]),
    "its failure": ([head(JSON, "500 Oops", length=18), b'{"message":"oops"}'], ["host", "API"]),
}


@pytest.mark.parametrize("what", NOTHING_SEEN)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_what_no_answer_shows_is_not_ticked(endpoint: str, what: str) -> None:
    answer, ticked = NOTHING_SEEN[what]
    with serving(answer) as server:
        client = make(
            "plain", endpoint, base_url=server.url, agent_id="a", api_key="k", timeout=0.5
        )
        steps = client.check()
    assert [step.check for step in steps if step.ok] == ticked
    assert len(steps) == len(ticked) + 1


def test_what_is_not_sent_ticks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def key() -> str:
        return ""

    refused = head(JSON, "401 No", length=26), b'{"error":"invalid_client"}'
    with serving(refused) as provider:
        given = client_credentials(client_id="c", client_secret="s", token_url=provider.url)
        (without_token,) = make("plain", "bluenexus", api_key=given).check()
    assert without_token[:2] == ("key", False)
    (without_key,) = make("plain", "bluenexus", api_key=key).check()
    monkeypatch.setenv("HTTPS_PROXY", "ftp://127.0.0.1:9")
    (without_proxy,) = make("plain", "bluenexus", api_key="k").check()
    assert [without_key[:2], without_proxy[:2]] == [("host", False)] * 2
