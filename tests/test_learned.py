"""What an agent finds out it knows in all its calls, whatever else one of them brings along."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from remote_agents import Attachment
from remote_agents.client import Client
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import FRAMEWORKS, Way, make
from remote_agents.turns import learned
from tests.memory.ways import REMEMBERING

QUESTION = "How many vacation days do I get?"
CALLS: dict[str, dict[str, Any]] = {
    "bare": {},
    "headers": {"headers": {"X-Trace": "1"}},
    "timeout": {"timeout": 30.0},
    "fields": {"extra_body": {"zzOwn": 1}},
    "an observer": {},
    "a tracer": {},
}
FIXTURES = {"an observer": "turns", "a tracer": "spans"}
each_shape = pytest.mark.parametrize("streamed", [False, True])
sync_and_async = pytest.mark.parametrize("awaited", [False, True])


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What is said in each call, or looks at it."""
    if fixture := FIXTURES.get(request.param):
        request.getfixturevalue(fixture)
    return CALLS[request.param]


ELSEWHERE: dict[str, Callable[[Sandbox], None]] = {
    "maiagent": lambda box: box.configure(maiagent_root="/api/v1"),
    "private_ai": lambda box: box.configure(private_ai_route="agents"),
    "ag_ui": lambda box: box.configure(ag_ui_slash=True),
}


def accepted(box: Sandbox, service: str) -> list[bool]:
    """Of each request, whether it was."""
    return [each["status"] == 200 for each in box.requests(service)]


@pytest.mark.parametrize("service", ELSEWHERE)
@pytest.mark.parametrize("framework", FRAMEWORKS)
@sync_and_async
@each_shape
async def test_where_it_is_found_once(
    sandbox: Sandbox, framework: str, service: str, awaited: bool, streamed: bool, call: Any
) -> None:
    settings = sandbox.kwargs(service)
    way = Way(framework, service, streamed=streamed, awaited=awaited, **settings)
    ELSEWHERE[service](sandbox)
    for _ in range(3):
        assert (await way.ask(QUESTION, **call)).text
    assert accepted(sandbox, service) == [False, True, True, True]


@pytest.mark.parametrize("service", ELSEWHERE)
@sync_and_async
async def test_a_service_that_moves_back_is_found_again(
    sandbox: Sandbox, service: str, awaited: bool
) -> None:
    way = Way("plain", service, streamed=False, awaited=awaited, **sandbox.kwargs(service))
    ELSEWHERE[service](sandbox)
    await way.ask(QUESTION)
    sandbox.configure(maiagent_root="/api", private_ai_route="assistants", ag_ui_slash=False)
    for _ in range(2):
        assert (await way.ask(QUESTION)).text
    assert accepted(sandbox, service) == [False, True, False, True, True]


def test_a_call_that_names_a_route_is_asked_there_first(sandbox: Sandbox) -> None:
    agent = make("plain", "private_ai", **sandbox.kwargs("private_ai"))
    for route in ("agents", "assistants", "agents"):
        agent.ask(QUESTION, route=route)
    paths = [each["path"].split("/v1/")[-1] for each in sandbox.requests("private_ai")]
    assert [path.split("/")[0] for path in paths] == ["agents", "assistants", "agents"]


UPLOADS = {"maiagent": "/attachments/", "cloudbase": "/get-objects-upload-info"}


def uploads(box: Sandbox, service: str) -> int:
    return sum(each["path"].endswith(UPLOADS[service]) for each in box.requests(service))


@pytest.mark.parametrize("service", UPLOADS)
@sync_and_async
async def test_a_file_is_uploaded_once(
    sandbox: Sandbox, service: str, awaited: bool, call: Any
) -> None:
    client = Client.kind_of(ENDPOINTS[service])(**sandbox.kwargs(service))
    for _ in range(3):
        file = Attachment("file", data=b"The plan.", filename="plan.txt")
        asked: Any = {**call, "attachments": [file]}
        assert await client.aask("What?", **asked) if awaited else client.ask("What?", **asked)
    assert uploads(sandbox, service) == 1


@pytest.mark.parametrize("service", UPLOADS)
def test_a_file_of_one_account_is_not_anothers(sandbox: Sandbox, service: str, call: Any) -> None:
    whose = iter("ABAB")
    settings = {**sandbox.kwargs(service), "account": lambda: next(whose)}
    client = Client.kind_of(ENDPOINTS[service])(**settings)
    for _ in range(4):
        file = Attachment("file", data=b"The plan.", filename="plan.txt")
        client.ask("What?", attachments=[file], **call)
    assert uploads(sandbox, service) == 2


@pytest.mark.parametrize("service", REMEMBERING)
@sync_and_async
async def test_a_key_of_any_kind_is_one_account(
    sandbox: Sandbox, service: str, awaited: bool, call: Any
) -> None:
    settings = sandbox.kwargs(service)
    secret = settings.pop("api_key")

    class Key:
        """It takes no weak reference."""

        __slots__ = ()

        def __call__(self) -> str:
            return secret

    way = Way("plain", service, streamed=False, awaited=awaited, api_key=Key(), **settings)
    ids = [(await way.ask(QUESTION, session="u1", **call)).metadata for _ in range(2)]
    assert ids[0]["conversation_id"] == ids[1]["conversation_id"] is not None


def test_an_agent_with_another_key_has_learned_nothing(sandbox: Sandbox) -> None:
    for framework in FRAMEWORKS[1:]:
        model = make(framework, "maiagent", **sandbox.kwargs("maiagent"))
        other = model.model_copy(update={"api_key": "another"})
        assert other.agent.learned is not model.agent.learned
        assert model.model_copy().agent.learned is model.agent.learned


def test_many_threads_keep_no_more_uploads_than_there_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learned, "MOST_UPLOADS", 20)
    known = learned.Learned()

    def keep(thread: int) -> None:
        for number in range(500):
            known.keep_upload(f"{thread}/{number}", {})

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert 17 <= len(known.uploads) <= 23
