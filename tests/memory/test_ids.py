"""Services that keep a thread know messages by their ids, whatever a caller makes of them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from remote_agents import InMemorySessionStore, Message, Reply, SessionStore, SQLSessionStore
from remote_agents.sandbox import Sandbox
from tests.memory.ways import REMEMBERING, WAYS, ask, client, received

ENDPOINTS = ["ag_ui", "cloudbase_ag_ui"]
STORES: dict[str, Callable[[Path], SessionStore]] = {
    "in memory": lambda folder: InMemorySessionStore(),
    "SQLite": lambda folder: SQLSessionStore(f"sqlite:///{folder / 'sessions.db'}"),
}


def page(role: str, text: str) -> Message:
    """A page that keeps roles and texts."""
    return Message(role, text)


def named_anew(role: str, text: str) -> Message:
    """A framework that names each message, in each request, which has no name."""
    return Message(role, text, id=str(uuid.uuid4()))


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("keeps", [page, named_anew])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_thread_holds_each_message_once_though_ids_are_lost(
    sandbox: Sandbox,
    tmp_path: Path,
    endpoint: str,
    way: str,
    keeps: Callable[[str, str], Message],
    kind: str,
) -> None:
    store = STORES[kind](tmp_path)
    agent, said = client(sandbox, endpoint, session_store=store), [("system", "Be brief.")]
    said.append(("user", "My secret word is zebra-17."))
    for text in ("Thanks.", "What is my secret word?", "Thanks."):
        reply = await ask(agent, way, [keeps(*each) for each in said], session_id="u1")
        said += [("assistant", reply.text), ("user", text)]
    assert reply.memory == "continued"
    held = sandbox.conversation(endpoint.removesuffix("_ag_ui"), str(reply.conversation_id))
    texts = [row["content"] for row in held if row["content"] != "Be brief."]
    assert len(texts) == 6
    assert "".join(texts).count("Thanks.") == 1
    assert "zebra-17" in reply.text
    if isinstance(store, SQLSessionStore):
        store.close()


@pytest.mark.parametrize("way", WAYS)
async def test_an_edited_message_of_a_named_conversation_keeps_an_id_of_its_own(
    sandbox: Sandbox, way: str
) -> None:
    agent = client(sandbox, "ag_ui", session_store=InMemorySessionStore())
    first = await ask(agent, way, [page("user", "Hello")], conversation_id="t-1")
    edited = [page("user", "Good morning"), page("assistant", first.text), page("user", "Thanks.")]
    await ask(agent, way, edited, conversation_id="t-1")
    before, after = (request["body"]["messages"] for request in sandbox.requests("ag_ui"))
    assert after[0]["id"] != before[0]["id"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_new_message_is_heard_under_an_id_that_another_one_had(
    sandbox: Sandbox, endpoint: str, way: str
) -> None:
    """A page that counts its messages anew once the oldest are gone."""
    agent, said = client(sandbox, endpoint, session_store=InMemorySessionStore()), list[Message]()
    for text in ("Hello.", "My secret word is zebra-17.", "What is my secret word?", "Thanks."):
        said.append(Message("user", text))
        shown = [Message(m.role, m.content, id=str(at)) for at, m in enumerate(said[-3:])]
        reply = await ask(agent, way, shown, session_id="u1")
        said.append(Message("assistant", reply.text))
    assert reply.memory == "continued"
    held = sandbox.conversation(endpoint.removesuffix("_ag_ui"), str(reply.conversation_id))
    assert [row["content"] for row in held] == [message.content for message in said]


CHANGED: dict[str, tuple[Message, Message]] = {
    "blanks": (Message("user", "Hello.\n"), Message("user", "Hello.")),
    "a name": (Message("user", "Hello.", name="ann"), Message("user", "Hello.")),
    "an instruction's": (Message("system", "Be\nbrief."), Message("system", "Be brief.")),
}


@pytest.mark.parametrize("changed", CHANGED)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_the_newest_question_is_asked_though_blanks_of_an_older_message_have_changed(
    sandbox: Sandbox, endpoint: str, way: str, changed: str
) -> None:
    """LangGraph's servers go back to a message that comes with another text under its id."""
    agent = client(sandbox, endpoint, session_store=InMemorySessionStore())
    first, again = CHANGED[changed]
    told = Message("user", "My secret word is zebra-17.", id="m1")
    reply = await ask(agent, way, [first, told], session_id="u1")
    history = [again, told, Message("assistant", reply.text)]
    for text in ("What is my secret word?", "Repeat my secret word."):
        history.append(Message("user", text))
        reply = await ask(agent, way, history, session_id="u1")
        history.append(Message("assistant", reply.text))
        assert reply.memory == "continued"
        assert "zebra-17" in reply.text
    held = sandbox.conversation(endpoint.removesuffix("_ag_ui"), str(reply.conversation_id))
    said = " ".join(" ".join(row["content"].split()) for row in held if row["role"] == "user")
    assert said.count(told.content) == 1
    assert said.count(again.content) <= 2


NAMED: dict[str, dict[str, str]] = {
    "session": {"session_id": "u1"},
    "history": {"memory": "server"},
    "conversation": {},
}


@pytest.mark.parametrize("shown", ["replies", "texts"])
@pytest.mark.parametrize("shares", [True, False], ids=["one store", "a store for each turn"])
@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_thread_hears_each_message_once_however_it_is_named(
    sandbox: Sandbox, endpoint: str, named: str, shares: bool, shown: str
) -> None:
    store, history, texts = InMemorySessionStore(), list[Message](), list[str]()
    call = NAMED[named] or {"conversation_id": str(uuid.uuid4())}
    for text in ("My secret word is zebra-17.", "Thanks.", "What is my secret word?"):
        history.append(Message("user", text))
        store = store if shares else InMemorySessionStore()
        reply = client(sandbox, endpoint, session_store=store).ask(history, **call)
        call = {"conversation_id": str(reply.conversation_id)}
        history.append(reply if shown == "replies" else Message("assistant", reply.text))
        texts.append(text)
        held = sandbox.conversation(endpoint.removesuffix("_ag_ui"), call["conversation_id"])
        assert [row["content"] for row in held if row["role"] == "user"] == texts
    assert "zebra-17" in reply.text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", [*REMEMBERING, "cloudbase_ag_ui"])
async def test_no_turn_is_told_again_in_a_session_that_was_led_on_by_its_conversations_id(
    sandbox: Sandbox, endpoint: str, way: str
) -> None:
    agent = client(sandbox, endpoint, session_store=InMemorySessionStore())
    history: list[Message | Reply] = []
    calls: list[dict[str, str]] = [{"session_id": "u1"}, {}, {"session_id": "u1"}]
    for text, call in zip(("Hello.", "Thanks.", "Bye."), calls, strict=True):
        history.append(Message("user", text))
        call = call or {"conversation_id": str(history[1].conversation_id)}
        history.append(await ask(agent, way, history, **call))
    ids = [turn["conversation_id"] for turn in sandbox.turns()]
    assert ids[-1] != ids[-2]
    of = endpoint.removesuffix("_ag_ui")
    held = [sandbox.conversation(of, each) for each in set(ids) - {None}]
    said = [[row["content"] for row in rows] for rows in held]
    if endpoint == "cloudbase":  # it files no history: that is in the request
        said = [received(sandbox, 1), received(sandbox, 2)]
    assert all("\n".join(each).count("Thanks.") == 1 for each in said)


@pytest.mark.parametrize("changed", ["Be brief.", "Be kind."])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", [*ENDPOINTS, "cloudbase"])
async def test_an_instruction_before_each_question_is_told_where_it_was_sent(
    sandbox: Sandbox, endpoint: str, way: str, changed: str
) -> None:
    agent = client(sandbox, endpoint, session_store=InMemorySessionStore())
    history: list[Message | Reply] = []
    for at, told in enumerate(("Be brief.", changed, changed, changed)):
        history += [Message("system", told), Message("user", f"Question {at}")]
        history.append(await ask(agent, way, history, session_id="u1"))
    bodies = [request["body"] for request in sandbox.requests() if request["body"]]
    told = [body.get("messages") or body.get("history", []) for body in bodies]
    said = [row["content"] for row in told[-1] if row["role"] == "user"]
    assert ["\n".join(said).count(each) for each in ("Be brief.", changed)] == [1, 1]
    assert all(new[: len(old)] == old for old, new in itertools.pairwise(told))
