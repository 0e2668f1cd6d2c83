"""`examples/a2a_agent.py`, a service of one's own, with the server of the A2A project."""

import time
import uuid
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from remote_agents import Message, RemoteFailureError, service
from remote_agents.testing.ways import FRAMEWORKS, Way
from tests.vendor.serving import ROOT, Server, served

QUESTION = "My name is Ada."


@pytest.fixture(scope="module")
def hr() -> Iterator[Server]:
    with served("foreign", "hosted_a2a.py") as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def a2a() -> Iterator[Any]:
    """The program; only its own tests know the service."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "examples")
        yield import_module("a2a_agent")
    service._registered.pop("a2a")


@pytest.fixture(params=[(s, a) for s in (False, True) for a in (False, True)])
def how(request: pytest.FixtureRequest) -> dict[str, bool]:
    return dict(zip(("streamed", "awaited"), request.param, strict=True))


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_session_goes_on_and_a_turn_without_one_stands_alone(
    framework: str, how: dict[str, bool], hr: Server
) -> None:
    way = Way(framework, "a2a", base_url=hr.url, **how)
    first = await way.ask(QUESTION, session=(session := uuid.uuid4().hex))
    second = await way.ask("Who am I?", session=session)
    other = await way.ask("Who am I?")
    assert first.text == f"{QUESTION}\n\n(HR)"
    assert second.text == f"{QUESTION} | Who am I?\n\n(HR)"
    assert other.text == "Who am I?\n\n(HR)"
    assert second.metadata["conversation_id"] == first.metadata["conversation_id"]


async def test_an_answer_may_be_a_message_alone(how: dict[str, bool], hr: Server) -> None:
    way = Way("plain", "a2a", base_url=hr.url, **how)
    assert (await way.ask("Who is there?")).text.startswith("HR")


async def test_a_task_that_fails_is_an_error_in_its_own_words(
    how: dict[str, bool], hr: Server
) -> None:
    way = Way("plain", "a2a", base_url=hr.url, **how)
    with pytest.raises(RemoteFailureError, match="database is down") as caught:
        await way.ask("Fail, please.")
    assert caught.value.conversation_id


@pytest.mark.parametrize("named", [False, True])
async def test_a_person_is_asked_and_the_same_task_goes_on(
    named: bool, how: dict[str, bool], hr: Server
) -> None:
    way = Way("plain", "a2a", base_url=hr.url, **how)
    session = uuid.uuid4().hex if named else None
    waiting = await way.ask("Book a room.", session=session)
    (interrupt,) = waiting.metadata["interrupts"]
    assert interrupt["question"] == "For 30 EUR?"
    history = [] if named else [Message("user", "Book a room."), waiting.message]
    done = await way.send(history, session, resume="yes")
    assert done.text.startswith("Booked: yes.")


def test_a_task_whose_reader_leaves_is_cancelled(hr: Server, a2a: Any) -> None:
    agent = a2a.A2A(base_url=hr.url)
    before = agent.ask("Who is there?").text
    events = agent.stream("Wait for me.")
    assert next(events).kind == "status"
    events.close()
    end = time.monotonic() + 10
    while (after := agent.ask("Who is there?").text) == before and time.monotonic() < end:
        time.sleep(0.1)
    assert after != before


def test_a_task_that_is_not_done_at_once_is_looked_at_until_it_is(
    hr: Server, a2a: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(a2a, "PAUSE", 0.05)
    early = {"params": {"configuration": {"returnImmediately": True}}}
    reply = a2a.A2A(base_url=hr.url).ask(QUESTION, extra_body=early)
    assert reply.text == f"{QUESTION}\n\n(HR)"
