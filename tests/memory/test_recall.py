"""What a classic CloudBase agent is told of a conversation of which the caller has no history."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from langchain_agents import ChatCloudBase, CloudBaseLLM
from llamaindex_agents import CloudBase
from remote_agents import (
    AgentError,
    ConfigurationError,
    InMemorySessionStore,
    Message,
    ServerError,
    SQLSessionStore,
)
from remote_agents.sandbox import Sandbox
from remote_agents.services.cloudbase.recall import recalled
from tests.memory.ways import ASKED, SECRET, WAYS, ask, client

TOLD = SECRET.format("zebra-17")


def history(box: Sandbox) -> list[str]:
    """What the newest question was told along."""
    body = [r["body"] for r in box.requests("cloudbase") if r["path"].endswith("send-message")][-1]
    return [said["content"] for said in body.get("history", [])]


def read_back(box: Sandbox) -> int:
    return sum("/records" in request["path"] for request in box.requests("cloudbase"))


@pytest.mark.parametrize("way", WAYS)
async def test_a_bare_prompt_of_a_session_is_told_what_was_said(
    sandbox: Sandbox, tmp_path: Path, way: str
) -> None:
    store = SQLSessionStore(f"sqlite:///{tmp_path / 's.db'}")
    agent = client(sandbox, "cloudbase", session_store=store)
    first = await ask(agent, way, TOLD, session_id="u1")
    assert (history(sandbox), read_back(sandbox)) == ([], 0)
    again = client(sandbox, "cloudbase", session_store=store)  # as in another process
    reply = await ask(again, way, ASKED, session_id="u1")
    assert "zebra-17" in reply.text
    assert history(sandbox) == [TOLD, first.text]
    assert reply.memory == "continued"
    other = await ask(agent, way, ASKED, session_id="u2")
    assert "zebra-17" not in other.text
    assert (history(sandbox), read_back(sandbox)) == ([], 1)
    named = await ask(agent, way, "Thanks.", conversation_id=first.conversation_id)
    assert history(sandbox) == [TOLD, first.text, ASKED, reply.text]
    assert named.conversation_id == first.conversation_id
    store.close()


@pytest.mark.parametrize("way", WAYS)
async def test_a_history_at_hand_is_what_is_told(sandbox: Sandbox, way: str) -> None:
    agent = client(sandbox, "cloudbase", session_store=InMemorySessionStore())
    said: list[Any] = [TOLD]
    said.append(await ask(agent, way, said, session_id="u1"))
    reply = await ask(agent, way, [*said, ASKED], session_id="u1")
    assert "zebra-17" in reply.text
    assert history(sandbox) == [TOLD, said[1].text]
    assert (reply.memory, read_back(sandbox)) == ("continued", 0)


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "unrecorded"])
@pytest.mark.parametrize("named", [True, False], ids=["conversation", "session"])
@pytest.mark.parametrize("way", WAYS)
async def test_what_was_said_before_a_question_that_broke_off_is_told(
    sandbox: Sandbox, way: str, named: bool, recorded: bool
) -> None:
    agent = client(sandbox, "cloudbase", session_store=InMemorySessionStore(), max_retries=0)
    call = {"session_id": "u1"}
    first = await ask(agent, "ask", TOLD, **call)
    if named:
        call = {"conversation_id": first.conversation_id}
    if recorded:
        sandbox.drop_after(1)
    else:
        sandbox.fail_next(status=504, endpoint="cloudbase", match="/send-message")
    with pytest.raises(AgentError):
        await ask(agent, "stream", "My boat is red.", **call)
    reply = await ask(agent, way, ["My boat is red.", ASKED], **call)
    assert "zebra-17" in reply.text
    assert history(sandbox)[:2] == [TOLD, first.text]
    sent = sandbox.requests("cloudbase")[-1]["body"]
    assert json.dumps(sent).count("My boat is red.") == 1


U, A, S = (partial(Message, role) for role in ("user", "assistant", "system"))
FACT = "The retreat is in Porto."
NO_PAIRS = {
    "two messages of the user": [U(FACT)],
    "a message behind a pair": [U("Hi"), A("Hello"), U(FACT)],
    "a greeting": [A(f"Welcome! {FACT}")],
    "a greeting and a pair": [A(f"Welcome! {FACT}"), U("Hi"), A("Hello")],
    "two answers": [U("Hi"), A("Hello"), A(FACT), U("Thanks"), A("Bye")],
    "a turn that broke": [U(FACT), U("Hi"), A("Hello")],
    "an answer without words": [U(FACT), A("")],
    "a context behind a pair": [U("Hi"), A("Hello"), S(f"Context: {FACT}")],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", NO_PAIRS)
async def test_what_is_no_pair_reaches_the_model_too(sandbox: Sandbox, way: str, case: str) -> None:
    agent = client(sandbox, "cloudbase")
    reply = await ask(agent, way, [*NO_PAIRS[case], U("Where is the retreat?")])
    assert "Porto" in reply.text
    body = sandbox.requests("cloudbase")[-1]["body"]
    roles = [said["role"] for said in body.get("history", [])]
    assert roles == ["user", "assistant"] * (len(roles) // 2)
    assert str(body).count(FACT) == 1


@pytest.mark.parametrize(("recall", "told"), [(None, 20), (1, 2), (3, 6), (0, 0)])
def test_so_many_turns_are_told(sandbox: Sandbox, recall: int | None, told: int) -> None:
    agent = client(sandbox, "cloudbase", recall=recall, session_store=InMemorySessionStore())
    for number in range(13):
        agent.ask(f"Count to {number + 1}", session_id="u1")
    said = history(sandbox)
    assert len(said) == told
    assert said[-2:-1] == ["Count to 12"][:told]
    assert (read_back(sandbox) > 0) is (recall != 0)


FACES: dict[str, Any] = {
    "chat model": lambda box, text, store: ChatCloudBase(
        **box.kwargs("cloudbase"), session_store=store
    ).invoke(text, {"configurable": {"session_id": "u1"}}),
    "text model": lambda box, text, store: CloudBaseLLM(
        **box.kwargs("cloudbase"), session_store=store
    ).invoke(text, {"configurable": {"session_id": "u1"}}),
    "llm": lambda box, text, store: (
        CloudBase(**box.kwargs("cloudbase"), session_store=store)
        .for_session("u1")
        .chat([ChatMessage(text)])
    ),
    "chat engine": lambda box, text, store: (
        CloudBase(**box.kwargs("cloudbase"), session_store=store).as_chat_engine("u1").chat(text)
    ),
}


@pytest.mark.parametrize("face", FACES)
def test_every_face_tells_it(sandbox: Sandbox, face: str) -> None:
    store = InMemorySessionStore()
    FACES[face](sandbox, TOLD, store)
    assert "zebra-17" in str(FACES[face](sandbox, ASKED, store))
    assert history(sandbox)[0] == TOLD


def test_agents_that_keep_the_thread_are_told_nothing_again(sandbox: Sandbox) -> None:
    agent = client(sandbox, "cloudbase_ag_ui", session_store=InMemorySessionStore())
    for text in (TOLD, ASKED):
        agent.ask(text, session_id="u1")
    assert read_back(sandbox) == 0


def test_where_no_records_can_be_read_the_question_is_asked_alone(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    agent = client(sandbox, "cloudbase", session_store=InMemorySessionStore(), max_retries=0)
    agent.ask(TOLD, session_id="u1")
    sandbox.fail_next(status=403, endpoint="cloudbase", match="/records")
    assert agent.ask("Thanks.", session_id="u1").memory == "continued"
    assert "cannot be read" in caplog.text
    assert history(sandbox) == []
    sandbox.fail_next(status=502, endpoint="cloudbase", match="/records")
    with pytest.raises(ServerError, match="502"):
        agent.ask("And now?", session_id="u1")
    assert agent.session("u1").turns == 2, "nothing was asked"


def test_what_is_no_number_of_turns_is_refused(sandbox: Sandbox) -> None:
    for recall in (-1, True, "ten", 2.5):
        with pytest.raises(ConfigurationError, match=r"recall(:| is) "):
            client(sandbox, "cloudbase", recall=recall)


def test_only_whole_messages_of_this_conversation_are_told() -> None:
    records = [
        {"role": "assistant", "content": "25.", "conversation": "c1", "status": "done"},
        {"role": "user", "content": "How many?", "conversation": "c1"},
        {"role": "assistant", "content": "It was", "conversation": "c1", "status": "error"},
        {"role": "user", "content": "Another's words", "conversation": "c2"},
        {"role": "system", "content": "Hidden", "conversation": "c1"},
        {"role": "user", "content": "", "conversation": "c1"},
    ]
    flow = recalled("/v1/aibot/bots/b", "c1", 10)
    call = next(flow)
    assert call.request.params["pageSize"] == 20
    with pytest.raises(StopIteration) as stop:
        flow.send(type("Answer", (), {"data": {"recordList": records}})())
    assert stop.value.value == [Message("user", "How many?"), Message("assistant", "25.")]
