"""The history decides: a conversation goes on only where the caller's messages say that it does."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from remote_agents.errors import AgentError
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.marks import every_way, in_each_face
from remote_agents.testing.ways import Answer, Way, asked, goes_on

TOLD = "My favourite word is heliotrope."
EDITED = "My favourite word is indigo."
ASKED = "What is my favourite word?"


def keeps(service: str) -> bool:
    """Whether the service keeps conversations."""
    return ENDPOINTS[service].keeps != "none"


def misses_none(way: Way, box: Sandbox) -> bool:
    """Whether a conversation that is gone begins anew under its name, as whoever asks names it."""
    gone = conversation(asked(way, "Hello", session=f"gone-{way.framework}"))
    box.expire_conversations()
    try:
        return bool(asked(way, "Hello", conversation_id=gone).text)
    except AgentError:
        return False


def conversation(answer: Answer) -> Any:
    """The conversation that an answer is of."""
    return answer.metadata.get("conversation_id")


@every_way
def test_an_edited_history_counts_as_it_stands(agent_service: str, agent_way: Way) -> None:
    first = asked(agent_way, TOLD, session="edited")

    kept = asked(agent_way, ASKED, [agent_way.question(TOLD), first.message], session="edited")
    edited = asked(agent_way, ASKED, [agent_way.question(EDITED), first.message], session="edited")

    assert "heliotrope" in kept.text
    assert "indigo" in edited.text
    assert "heliotrope" not in edited.text
    if keeps(agent_service):
        told = [answer.metadata["memory"] for answer in (first, kept, edited)]
        assert told == ["new", "continued", "replayed"]
        assert goes_on(agent_service, first, kept)
        assert conversation(kept) != conversation(edited)


@every_way
def test_an_answer_that_was_taken_back_is_no_part_of_the_dialogue(
    agent_service: str, agent_way: Way
) -> None:
    first = asked(agent_way, TOLD, session="taken-back")
    history = [agent_way.question(TOLD), first.message]
    asked(agent_way, "No, it is indigo.", history, session="taken-back")

    again = asked(agent_way, ASKED, history, session="taken-back")

    assert "heliotrope" in again.text
    if keeps(agent_service):
        chained = ENDPOINTS[agent_service].chains  # then an answer can be gone on from twice
        assert again.metadata["memory"] == ("continued" if chained else "replayed")
        assert conversation(again) != conversation(first)


@every_way
def test_a_history_without_its_head_goes_on(agent_service: str, agent_way: Way) -> None:
    first = asked(agent_way, "Hello", session="trimmed")
    history = [agent_way.question("Hello"), first.message]
    second = asked(agent_way, TOLD, history, session="trimmed")

    third = asked(agent_way, ASKED, [agent_way.question(TOLD), second.message], session="trimmed")

    assert "heliotrope" in third.text
    assert goes_on(agent_service, first, third)
    if keeps(agent_service):
        assert third.metadata["memory"] == "continued"


@every_way
def test_bare_prompts_of_a_session_are_one_dialogue_and_others_are_not(
    agent_service: str, agent_way: Way
) -> None:
    asked(agent_way, TOLD, session="mine")

    mine, other, nameless = (
        asked(agent_way, ASKED, session=name) for name in ("mine", "other", None)
    )

    assert ("heliotrope" in mine.text) is keeps(agent_service)
    assert "heliotrope" not in other.text
    assert "heliotrope" not in nameless.text


@every_way
def test_a_history_without_a_name_is_sent_whole(agent_way: Way) -> None:
    first = asked(agent_way, TOLD)

    second = asked(agent_way, ASKED, [agent_way.question(TOLD), first.message])

    assert "heliotrope" in second.text
    assert conversation(first) is None or conversation(first) != conversation(second)


@in_each_face
def test_memory_of_the_client_hands_no_conversation_on(
    agent_sandbox: Sandbox, agent_service: str, framework: str
) -> None:
    settings = {**agent_sandbox.kwargs(agent_service), "memory": "client"}
    way = Way(framework, agent_service, streamed=False, awaited=False, **settings)
    first = asked(way, TOLD, session="client")

    second = asked(way, ASKED, [way.question(TOLD), first.message], session="client")

    assert "heliotrope" in second.text
    assert conversation(first) is None or conversation(first) != conversation(second)
    assert "conversation" not in second.metadata  # the mark from which a history would go on


@in_each_face
def test_a_dialogue_goes_on_in_another_process(
    agent_sandbox: Sandbox, agent_service: str, framework: str
) -> None:
    settings = agent_sandbox.kwargs(agent_service)
    ways = [
        Way(framework, agent_service, streamed=streamed, awaited=streamed, **settings)
        for streamed in (False, True)
    ]
    first = asked(ways[0], TOLD, session="moved")

    second = asked(ways[1], ASKED, [ways[1].question(TOLD), first.message], session="moved")

    assert "heliotrope" in second.text
    assert goes_on(agent_service, first, second)


@every_way
def test_a_turn_that_broke_off_is_asked_anew(
    agent_sandbox: Sandbox, agent_service: str, agent_way: Way
) -> None:
    first = asked(agent_way, TOLD, session="broken")
    history = [agent_way.question(TOLD), first.message]
    agent_sandbox.drop_after(4, endpoint=agent_service)
    with pytest.raises(AgentError):
        asked(agent_way, ASKED, history, session="broken")

    again = asked(agent_way, ASKED, history, session="broken")

    assert "heliotrope" in again.text
    if keeps(agent_service):
        assert conversation(again) != conversation(first)


@in_each_face
def test_a_conversation_that_the_service_has_lost_begins_anew_with_all_of_the_history(
    agent_sandbox: Sandbox, agent_service: str, framework: str
) -> None:
    settings = agent_sandbox.kwargs(agent_service)
    way = Way(framework, agent_service, streamed=False, awaited=False, **settings)
    if keeps(agent_service) and misses_none(way, agent_sandbox):
        pytest.skip("Its conversations are named by whoever asks, and it misses none.")
    first = asked(way, TOLD, session="lost")
    agent_sandbox.expire_conversations()

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        second = asked(way, ASKED, [way.question(TOLD), first.message], session="lost")

    assert "heliotrope" in second.text
    if keeps(agent_service):
        assert second.metadata["memory"] == "replayed"
        assert conversation(second) != conversation(first)
        assert any("no longer has" in str(each.message) for each in told)
