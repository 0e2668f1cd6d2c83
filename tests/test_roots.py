"""MaiAgent has all its paths twice: one root serves all calls of a client, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_agents import ConfigurationError, NotFoundError
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way, make
from tests.raw_server import JSON, head, serving
from tests.resources.calls import Way as Calls, client_of

ROOTS = ("/api", "/api/v1")
QUESTION = "How many vacation days do I get?"


@pytest.fixture(params=ROOTS)
def only(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[str]:
    """The one root that the service has."""
    sandbox.configure(maiagent_root=request.param)
    yield request.param
    sandbox.configure(maiagent_root=None)


def asked(box: Sandbox) -> list[str]:
    """The roots of the requests so far, in order."""
    paths = [each["path"] for each in box.requests("maiagent") if "/_storage/" not in each["path"]]
    return ["/api/v1" if path.startswith("/api/v1/") else "/api" for path in paths]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_turn_finds_its_root_once(
    framework: str, awaited: bool, streamed: bool, sandbox: Sandbox, only: str
) -> None:
    settings = sandbox.kwargs("maiagent")
    way = Way(framework, "maiagent", streamed=streamed, awaited=awaited, **settings)
    for _ in range(2):
        assert "25" in (await way.ask(QUESTION)).text
    assert asked(sandbox) == ["/api"] * (only != "/api") + [only] * 2
    assert len(sandbox.turns("maiagent")) == 2


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_all_calls_of_a_client_go_below_one_root(
    kind: str, sandbox: Sandbox, only: str, tmp_path: Path
) -> None:
    way, client = Calls(kind), client_of(sandbox, "maiagent")
    uploaded = await way(client.attachments.upload, b"plan", filename="plan.txt")
    await way(client.attachments.upload_presigned, b"plan", filename="plan.txt")
    await way(client.ask, QUESTION, attachments=[uploaded])
    assert len(await way(client.conversations.list, page_size=1)) >= 1
    days = {"start": "2024-01-01", "end": "2024-12-31"}
    await way(client.records.export_excel, tmp_path / "a.xlsx", **days)
    roots = asked(sandbox)
    assert roots == ["/api"] * (only != "/api") + [only] * (len(roots) - (only != "/api"))


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_chosen_root_is_the_only_one(framework: str, sandbox: Sandbox, only: str) -> None:
    settings = {**sandbox.kwargs("maiagent"), "root": only}
    way = Way(framework, "maiagent", streamed=False, awaited=False, **settings)
    await way.ask(QUESTION)
    assert asked(sandbox) == [only]


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_other_root_is_not_tried_where_one_was_chosen(
    framework: str, sandbox: Sandbox, only: str
) -> None:
    (other,) = {*ROOTS} - {only}
    settings = {**sandbox.kwargs("maiagent"), "root": other}
    way = Way(framework, "maiagent", streamed=False, awaited=False, **settings)
    with pytest.raises(NotFoundError):
        await way.ask(QUESTION)
    assert asked(sandbox) == [other]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_there_are_two_roots(framework: str, sandbox: Sandbox) -> None:
    with pytest.raises(ConfigurationError, match=r"/api.*/api/v1"):
        make(framework, "maiagent", **{**sandbox.kwargs("maiagent"), "root": "/v2"})


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_chatbot_that_is_not_there_is_no_matter_of_the_root(
    streamed: bool, sandbox: Sandbox
) -> None:
    settings = {**sandbox.kwargs("maiagent"), "agent_id": "00000000-0000-4000-8000-000000000000"}
    way = Way("plain", "maiagent", streamed=streamed, awaited=False, **settings)
    with pytest.raises(NotFoundError, match="No Chatbot"):
        await way.ask(QUESTION)
    assert asked(sandbox) == ["/api"]


PAGE = b"<!doctype html><html><title>Not Found</title><h1>Not Found</h1></html>"
BODIES = {
    "json": (JSON, b'{"detail": "Not found."}'),
    "page": ("text/html", PAGE),
    "none": (JSON, b""),
}


def refusal(kind: str, body: bytes) -> list[Any]:
    return [head(kind, "404 Not Found", length=len(body)), body]


@pytest.mark.parametrize("said", list(BODIES))
def test_a_404_of_any_look_below_both_roots_is_told_once(said: str) -> None:
    with serving(refusal(*BODIES[said])) as server:
        client = make("plain", "maiagent", base_url=server.url, agent_id="b", api_key="key")
        with pytest.raises(NotFoundError, match=r"base_url, .*, and agent_id \(b\)"):
            client.ask(QUESTION)
        lines = [request.split(b"\r\n")[0].decode() for request in server.requests]
    assert lines == [f"POST {root}/chatbots/b/completions/ HTTP/1.1" for root in ROOTS]
