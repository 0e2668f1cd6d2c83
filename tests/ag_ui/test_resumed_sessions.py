"""A session is resumed without the message that asked, by the ids that the run waits for."""

from pathlib import Path
from typing import Any

import pytest

from remote_agents import InMemorySessionStore, SQLSessionStore
from remote_agents.testing.ways import FRAMEWORKS, Way
from tests.ag_ui.runs import FINISHED, agent, bodies, run, snapshot, user, whole
from tests.raw_server import RawServer, serving

NEW = {"id": "i1", "reason": "approval", "message": "Sure?"}
OTHER = {**NEW, "id": "i2"}
DRAFT = {"id": "i1", "payload": {"question": "Sure?"}}
OLD = {"type": "CUSTOM", "name": "on_interrupt", "value": '{"question": "Sure?"}'}
YES = {"status": "resolved", "payload": "yes"}
ASKED: dict[str, tuple[list[Any], Any]] = {  # how a run asks, and how it is answered
    "1.0": (
        [{**FINISHED, "outcome": {"type": "interrupt", "interrupts": [NEW, OTHER]}}],
        [{"interruptId": "i1", **YES}, {"interruptId": "i2", **YES}],
    ),
    "draft": (
        [{**FINISHED, "outcome": "interrupt", "interrupt": DRAFT}],
        {"interruptId": "i1", "payload": "yes"},
    ),
    "before": ([OLD, FINISHED], None),
}


def agent_at(server: RawServer, service: str) -> dict[str, Any]:
    named = {"agent_id": "agent-1", "api_key": "k"} if service == "cloudbase" else {}
    return {"base_url": server.url, "max_retries": 0, **named}


ANSWER = run(*whole("1", "Done."), FINISHED)


@pytest.mark.parametrize("service", ["ag_ui", "cloudbase"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("awaited", [True, False])
@pytest.mark.parametrize("dialect", ASKED)
async def test_the_answer_goes_where_the_agent_looks_for_it(
    service: str, framework: str, streamed: bool, awaited: bool, dialect: str
) -> None:
    events, resume = ASKED[dialect]
    with serving(run(*events), ANSWER) as server:
        given = {**agent_at(server, service), "session_store": InMemorySessionStore()}
        way = Way(framework, service, streamed=streamed, awaited=awaited, **given)
        assert (await way.ask("Delete it.", session="s")).metadata["finish_reason"] == "interrupt"
        assert (await way.ask("", session="s", resume="yes")).text == "Done."
        _, body = bodies(server)
        assert body["messages"] == []
        assert body.get("resume") == resume
        command = body["forwardedProps"].get("command")
        assert command == ({"resume": "yes"} if resume is None else None)


@pytest.mark.parametrize("service", ["ag_ui", "cloudbase"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("awaited", [True, False])
async def test_what_was_said_before_the_pause_is_not_said_again(
    service: str, framework: str, streamed: bool, awaited: bool
) -> None:
    """LangGraph's servers end each run with the whole thread."""
    thread = [user("u", "Delete it."), agent("1", "Looking.")]
    first = run(*whole("1", "Looking."), snapshot(*thread), *ASKED["1.0"][0])
    second = run(*whole("2", "Done."), snapshot(*thread, agent("2", "Done.")), FINISHED)
    with serving(first, second) as server:
        given = {**agent_at(server, service), "session_store": InMemorySessionStore()}
        way = Way(framework, service, streamed=streamed, awaited=awaited, **given)
        assert (await way.ask("Delete it.", session="s")).text == "Looking."
        assert (await way.ask("", session="s", resume="yes")).text == "Done."


async def test_another_process_answers(tmp_path: Path) -> None:
    events, resume = ASKED["1.0"]
    with serving(run(*events), ANSWER, ANSWER) as server:
        for question, call in (("Delete it.", {}), ("", {"resume": "yes"})):
            store = SQLSessionStore(f"sqlite:///{tmp_path}/sessions.db")
            given = {**agent_at(server, "ag_ui"), "session_store": store}
            way = Way("plain", "ag_ui", streamed=False, awaited=False, **given)
            await way.ask(question, session="s", **call)
            store.close()
        assert bodies(server)[1]["resume"] == resume


async def test_what_was_settled_is_not_waited_for() -> None:
    events, _ = ASKED["1.0"]
    with serving(run(*events), ANSWER) as server:
        given = {**agent_at(server, "ag_ui"), "session_store": InMemorySessionStore()}
        way = Way("plain", "ag_ui", streamed=False, awaited=False, **given)
        for question, call in (("Delete it.", {}), ("Leave it.", {}), ("", {"resume": "yes"})):
            await way.ask(question, session="s", **call)
        assert "resume" not in bodies(server)[2]
