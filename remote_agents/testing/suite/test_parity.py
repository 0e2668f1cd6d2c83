"""One answer, whichever face asks, sync or async, streamed or not; and it is remembered."""

from __future__ import annotations

from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.marks import every_way
from remote_agents.testing.ways import Way, asked, goes_on

QUESTION = "How many vacation days do I get?"
FOLLOW_UP = "And what about part-time staff?"


@every_way
def test_every_way_gives_the_same_answer_and_remembers_it(
    agent_service: str, agent_way: Way
) -> None:
    question = agent_way.question(QUESTION)

    first = asked(agent_way, QUESTION, session="parity")
    second = asked(agent_way, FOLLOW_UP, [question, first.message], session="parity")

    assert "25 vacation days" in first.text
    assert "12.5 days" in second.text
    for answer in (first, second):
        assert answer.metadata["finish_reason"] == "stop"
        assert answer.metadata["model_provider"] == agent_service
        assert answer.metadata["agent"].startswith(f"{agent_service}:{agent_way.model.agent_id}@")
        assert answer.metadata["reply_id"]
        if agent_way.streamed:
            assert "".join(answer.pieces) == answer.text
    kept = ENDPOINTS[agent_service].keeps != "none"
    assert bool(first.metadata.get("conversation_id")) is kept
    assert goes_on(agent_service, first, second)


@every_way
def test_every_way_has_what_the_facts_say_of_an_answer(agent_way: Way) -> None:
    facts, message = agent_way.model.agent.endpoint, asked(agent_way, QUESTION).message
    beside = getattr(message, "additional_kwargs", {})  # of a framework's message
    if facts.cites:
        assert getattr(message, "citations", None) or beside.get("citations")
    if facts.counts and (facts.counts_streams or not agent_way.streamed):
        counted = getattr(message, "usage", None) or getattr(message, "usage_metadata", None)
        assert counted or beside.get("usage")


@every_way
def test_a_stop_keeps_the_conversation(
    agent_sandbox: Sandbox, agent_service: str, framework: str, streamed: bool, awaited: bool
) -> None:
    settings = {**agent_sandbox.kwargs(agent_service), "stop": ["vacation days"]}
    way = Way(framework, agent_service, streamed=streamed, awaited=awaited, **settings)
    session = f"stopped-{framework}-{streamed}-{awaited}"

    first = asked(way, QUESTION, session=session)
    second = asked(way, FOLLOW_UP, session=session)

    assert first.text.rstrip().endswith("25")
    assert first.metadata["finish_reason"] == "stop"
    assert goes_on(agent_service, first, second)


@every_way
def test_an_empty_stop_ends_nothing(
    agent_sandbox: Sandbox, agent_service: str, framework: str, streamed: bool, awaited: bool
) -> None:
    settings = {**agent_sandbox.kwargs(agent_service), "stop": ["", "zzz"]}
    way = Way(framework, agent_service, streamed=streamed, awaited=awaited, **settings)
    assert "25 vacation days" in asked(way, QUESTION).text
