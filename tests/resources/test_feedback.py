"""Feedback on an answer in whichever form one has it; what a contact talked about."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from remote_agents import ConfigurationError, Reply
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way as Asking, make
from tests.resources.calls import Way, client_of

QUESTION = "How many vacation days do I get?"
RATED = ("cloudbase", "cloudbase_openai")


async def answered(box: Sandbox, framework: str, endpoint: str, streamed: bool) -> tuple[Any, Any]:
    """A model, and its answer as the framework's own object."""
    asking = Asking(framework, endpoint, streamed=streamed, awaited=False, **box.kwargs(endpoint))
    return asking.model, (await asking.ask(QUESTION)).message


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("endpoint", RATED)
async def test_an_answer_is_rated_as_it_is(
    endpoint: str, framework: str, streamed: bool, way: Way, sandbox: Sandbox
) -> None:
    model, answer = await answered(sandbox, framework, endpoint, streamed)
    client = model if framework == "plain" else model.client
    await way(client.feedback.send, answer, "downvote", comment="Too long.")
    sent = sandbox.requests()[-1]["body"]
    assert sent["recordId"].startswith("record-")
    assert "25 vacation days" in sent["aiAnswer"]
    assert (sent["type"], sent["comment"]) == ("downvote", "Too long.")


async def test_an_id_is_enough(way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, "cloudbase")
    reply = await way(client.ask, QUESTION)
    await way(client.feedback.send, reply.reply_id, ai_answer="25.")
    sent = sandbox.requests()[-1]["body"]
    assert (sent["recordId"], sent["aiAnswer"]) == (reply.reply_id, "25.")


async def test_ratings_are_asked_for_by_time(way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, "cloudbase")
    await way(client.feedback.send, await way(client.ask, QUESTION))
    today, day = datetime.now(timezone.utc).date(), timedelta(days=1)
    ranges = [{"start": today - day, "end": today + day}, {"start": today + 2 * day}]
    ranges += [{"end": today - 2 * day}, {"start": "2024-07-20", "end": "2024-07-20"}]
    found = [bool(await way(client.feedback.list, **days)) for days in ranges]
    assert found == [True, False, False, False]
    query = sandbox.requests()[-1]["path"]
    assert "from=1721433600" in query
    assert "to=1721519999" in query


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_another_agents_answer_is_refused(framework: str, sandbox: Sandbox) -> None:
    _, answer = await answered(sandbox, framework, "bluenexus", streamed=False)
    with pytest.raises(ConfigurationError, match="is of"):
        client_of(sandbox, "cloudbase").feedback.send(answer)


@pytest.mark.parametrize("answer", [None, "", 7, Reply("cloudbase", "cloudbase:a@h"), object()])
def test_what_is_no_answer_is_refused(answer: Any, sandbox: Sandbox) -> None:
    client = make("plain", "cloudbase", **sandbox.kwargs("cloudbase"))
    with pytest.raises(ConfigurationError, match="answer"):
        client.feedback.send(answer)
    assert not [each for each in sandbox.requests() if "feedback" in each["path"]]


async def test_a_contact_who_said_nothing_has_no_latest_conversation(
    way: Way, sandbox: Sandbox
) -> None:
    client = client_of(sandbox, "maiagent")
    nobody = await way(client.contacts.create, "Kim")
    assert await way(client.contacts.latest_conversation, nobody.id) is None
    assert await way(client.contacts.conversations, nobody.id) == []
