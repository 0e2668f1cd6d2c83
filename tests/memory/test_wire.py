"""What the server receives, turn by turn, from a client that remembers."""

import copy
import itertools
import json
import pickle
from typing import Any

import pytest

from remote_agents import (
    AgentError,
    ConfigurationError,
    InMemorySessionStore,
    Message,
    session,
)
from remote_agents.memory.dialogue import names_in
from remote_agents.sandbox import Sandbox
from remote_agents.types import Origin
from tests.memory.prompts import FACTS
from tests.memory.ways import ASKED, REMEMBERING, SECRET, WAYS, ask, asked, client, received

KEEPING = [*REMEMBERING, "cloudbase_ag_ui"]
TOLD = SECRET.format("zebra-17")
VACATION = "How many vacation days do I get?"


@pytest.fixture
def store() -> InMemorySessionStore:
    return InMemorySessionStore()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", KEEPING)
async def test_a_session_sends_one_new_message_a_turn(
    sandbox: Sandbox, endpoint: str, way: str, store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store)
    replies = [
        await ask(agent, way, text, session_id="u1") for text in (TOLD, "Thanks.", ASKED, "Why?")
    ]
    assert "zebra-17" in replies[2].text
    assert [asked(sandbox, n) for n in range(4)] == [[TOLD], ["Thanks."], [ASKED], ["Why?"]]
    assert len({turn["conversation_id"] for turn in sandbox.turns()}) == 1
    assert [reply.memory for reply in replies] == ["new", "continued", "continued", "continued"]
    known = agent.session("u1")
    assert known.conversation_id == sandbox.turns()[0]["conversation_id"]
    assert (known.turns, len(known)) == (4, 1)
    assert known[0].created <= known.last_used
    assert agent.session("u2") is None
    assert "zebra-17" not in (await ask(agent, way, ASKED, session_id="u2")).text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", KEEPING)
async def test_a_history_continues_by_itself(sandbox: Sandbox, endpoint: str, way: str) -> None:
    history: list[Any] = [Message("system", "Be brief.")]
    for text in (TOLD, "Thanks.", ASKED):
        history.append(text)
        agent = client(sandbox, endpoint, memory="server", session_store=InMemorySessionStore())
        history.append(await ask(agent, way, history))
    assert "zebra-17" in history[-1].text
    assert received(sandbox, 1)[-1:] == ["Thanks."]
    assert received(sandbox, 2)[-1:] == [ASKED]
    if not FACTS[endpoint].context:
        assert len(received(sandbox, 1)) == len(received(sandbox, 2)) == 1
    if endpoint == "cloudbase_ag_ui":
        return
    held = sandbox.conversation(endpoint, history[-1].conversation_id)
    told = [message["role"] for message in held if message["content"] != "Be brief."]
    assert told == ["user", "assistant"] * 3


@pytest.mark.parametrize("trimmed", [0, 2])
async def test_a_message_has_the_same_id_in_every_request(sandbox: Sandbox, trimmed: int) -> None:
    agent, history = client(sandbox, "cloudbase_ag_ui", session_store=InMemorySessionStore()), []
    for text in ("yes", "yes", "Thanks.", "yes"):
        history.append(text)
        sent = history if len(history) < 5 else history[trimmed:]
        history.append(await ask(agent, "ask", sent, session_id="u1"))
    bodies = [request["body"]["messages"] for request in sandbox.requests() if request["body"]]
    ids = [[message["id"] for message in body] for body in bodies]
    for before, after in itertools.pairwise(ids):
        assert [each for each in after if each in before] == before[-(len(after) - 2) :]
        assert len(set(after)) == len(after)
    replies = [reply.reply_id for reply in history[1:-2:2]]
    assert [each for each in ids[-1] if each in replies] == replies[trimmed // 2 :]


@pytest.mark.parametrize("mode", ["auto", "client"])
@pytest.mark.parametrize("endpoint", ["private_ai", "cloudbase", "cloudbase_openai"])
async def test_no_state_is_created_unasked(sandbox: Sandbox, endpoint: str, mode: str) -> None:
    agent, history = client(sandbox, endpoint, memory=mode), []
    for text in (TOLD, ASKED):
        history.append(text)
        history.append(await ask(agent, "ask", history))
    assert "zebra-17" in history[-1].text
    assert received(sandbox) == [TOLD, history[1].text, ASKED]
    assert {turn["conversation_id"] for turn in sandbox.turns()} == {None}
    assert history[-1].metadata().keys().isdisjoint({"conversation_id", "conversation", "memory"})


@pytest.mark.parametrize("endpoint", [*KEEPING, "cloudbase_openai"])
async def test_client_mode_sends_everything_and_no_id(sandbox: Sandbox, endpoint: str) -> None:
    agent = client(sandbox, endpoint, memory="client", session_store=InMemorySessionStore())
    for number in (1, 2):
        history = [Message("user", TOLD), Message("assistant", "Noted."), Message("user", ASKED)]
        history[1].origin = Origin(agent.agent.name, "c1", "r1")
        reply = await ask(agent, "ask", history, session_id="u1", conversation_id="c9")
        assert "zebra-17" in reply.text
        assert TOLD in "\n".join(received(sandbox))
        ids = [turn["conversation_id"] for turn in sandbox.turns()]
        assert len(ids) == number
        assert "c9" not in ids
        assert "c1" not in ids
    assert agent.session("u1") is None


@pytest.mark.parametrize("endpoint", KEEPING)
async def test_context_in_system_messages_reaches_the_agent_each_turn(
    sandbox: Sandbox, endpoint: str, store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store)
    facts = {"lime": "The gate code of the lime pier is 4711.", "fig": "The fig pier code is 42."}
    for name, fact in facts.items():
        system = Message("system", f"Answer from the context.\n\n{fact}")
        prompt = [system, f"What is the code of the {name} pier?"]
        reply = await ask(agent, "ask", prompt, session_id="u1")
        assert fact.rstrip(".").rsplit(" ", 1)[-1] in reply.text
        everything = "\n".join(asked(sandbox))
        assert [f for f in facts.values() if f in everything] == [fact]
    again = await ask(agent, "ask", [system, "Thanks."], session_id="u1")
    assert asked(sandbox) == ["Thanks."]
    assert (again.memory, agent.session("u1").turns) == ("continued", 3)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", KEEPING)
async def test_an_explicit_id_is_followed(sandbox: Sandbox, endpoint: str, way: str) -> None:
    agent = client(sandbox, endpoint, memory="server")
    first = await ask(agent, way, TOLD)
    call = {"conversation_id": first.conversation_id, "session_id": "somebody"}
    reply = await ask(agent, way, ASKED, **call)
    assert "zebra-17" in reply.text
    assert asked(sandbox) == [ASKED]
    assert sandbox.turns()[-1]["conversation_id"] == first.conversation_id
    assert agent.session("somebody") is None
    await ask(agent, way, [TOLD, Message("assistant", "Noted."), "Thanks."], **call)
    assert received(sandbox)[-1] == "Thanks."
    if not FACTS[endpoint].context:
        assert received(sandbox) == ["Thanks."]


@pytest.mark.parametrize("whole", [True, False], ids=["with the history", "alone"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", [name for name in KEEPING if name != "cloudbase"])
async def test_a_question_that_broke_off_is_not_told_twice_in_a_conversation_that_is_named(
    sandbox: Sandbox, endpoint: str, way: str, whole: bool, store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store, max_retries=0)
    first = await ask(agent, "ask", "Hello.", session_id="u1")
    call = {"conversation_id": first.conversation_id}
    second = await ask(agent, "ask", "Thanks.", **call)
    history = ["Hello.", first, "Thanks.", second, TOLD][0 if whole else -1 :]
    sandbox.drop_after(1)
    with pytest.raises(AgentError):
        await ask(agent, "stream", history, **call)
    reply = await ask(agent, way, [*history, ASKED], **call)
    assert "zebra-17" in reply.text
    held = sandbox.conversation(endpoint.partition("_ag_ui")[0], call["conversation_id"])
    asked = [message["content"] for message in held if message["role"] == "user"]
    assert "\n".join(asked).count(TOLD) == 1


@pytest.mark.parametrize("endpoint", KEEPING)
async def test_agents_do_not_pick_up_each_others_ids(sandbox: Sandbox, endpoint: str) -> None:
    others = [client(sandbox, name, memory="server") for name in KEEPING if name != endpoint]
    agent = client(sandbox, endpoint, memory="server")
    history: list[Any] = [TOLD, await ask(agent, "ask", TOLD)]
    for other in others:
        history += [VACATION, await ask(other, "ask", [*history, VACATION])]
    assert len({turn["conversation_id"] for turn in sandbox.turns()}) == len(KEEPING)
    count = len(sandbox.turns())
    reply = await ask(agent, "ask", [*history, ASKED])
    assert "zebra-17" in reply.text
    assert reply.conversation_id == history[1].conversation_id
    assert len(sandbox.turns()) == count + 1
    assert TOLD not in "\n".join(received(sandbox)) or FACTS[endpoint].context
    assert history[-1].text in "\n".join(received(sandbox))  # it has not seen the others' words


async def test_two_agents_share_a_session_name(
    sandbox: Sandbox, store: InMemorySessionStore
) -> None:
    one = client(sandbox, "bluenexus", session_store=store)
    two = client(sandbox, "maiagent", session_store=store)
    other = client(sandbox, "bluenexus", session_store=store, agent_id="default")
    for agent in (one, two, other):
        await ask(agent, "ask", TOLD, session_id="u1")
    ids = {agent.session("u1").conversation_id for agent in (one, two, other)}
    assert len(ids) == 3


async def test_two_accounts_do_not_share_the_default_store(sandbox: Sandbox) -> None:
    one = client(sandbox, "bluenexus")
    await ask(one, "ask", TOLD, session_id="same name")
    two = client(sandbox, "bluenexus", api_key="another-account")
    assert one.session("same name") is not None
    assert two.session("same name") is None
    assert one.forget("same name") is True
    assert one.forget("same name") is False


async def test_a_copied_history_does_not_join_the_other_session(
    sandbox: Sandbox, store: InMemorySessionStore
) -> None:
    agent = client(sandbox, "bluenexus", session_store=store)
    history: list[Any] = [TOLD, await ask(agent, "ask", TOLD, session_id="u1")]
    copied = await ask(agent, "ask", [*history, ASKED], session_id="u2")
    assert "zebra-17" in copied.text
    assert copied.conversation_id != history[1].conversation_id
    assert received(sandbox) == [TOLD, history[1].text, ASKED]
    assert agent.session("u1").conversation_id == history[1].conversation_id


def as_dict(reply: Any) -> Message:
    """A reply whose metadata went through JSON, as through a message store."""
    metadata = json.loads(json.dumps(reply.metadata()))
    return Message("assistant", reply.text, origin=Origin.of(metadata))


@pytest.mark.parametrize(
    "through", [as_dict, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))]
)
@pytest.mark.parametrize("endpoint", KEEPING)
async def test_the_id_survives_storage(sandbox: Sandbox, endpoint: str, through: Any) -> None:
    agent = client(sandbox, endpoint, memory="server")
    for number, call in enumerate(({"session_id": "u1"}, {"memory": "server"})):
        system = Message("system", "Be brief.")
        first = through(await ask(agent, "ask", [system, TOLD], **call))
        restarted = client(sandbox, endpoint, session_store=InMemorySessionStore())
        reply = await ask(restarted, "ask", [system, TOLD, first, ASKED], **call)
        assert "zebra-17" in reply.text
        assert received(sandbox)[-1] == ASKED
        assert reply.memory == "continued"
        assert len({turn["conversation_id"] for turn in sandbox.turns()}) == number + 1


async def test_a_session_is_set_around_calls(sandbox: Sandbox, store: InMemorySessionStore) -> None:
    agent = client(sandbox, "maiagent", session_store=store)
    with session("u1"):
        await ask(agent, "aask", TOLD)
        with session("u2"):
            await ask(agent, "astream", "Hello there.")
        await ask(agent, "stream", ASKED)
    assert agent.session("u1").turns == 2
    assert agent.session("u2").turns == 1


def test_an_empty_name_is_none(sandbox: Sandbox) -> None:
    agent = client(sandbox, "private_ai")
    for call in (
        {"session_id": ""},
        {"conversation_id": ""},
        {"dialogue": names_in({"thread_id": ""})},
    ):
        assert agent.ask("hi", **call).conversation_id is None
    with pytest.raises(ConfigurationError, match="session_id is empty"):
        agent.session("")


@pytest.mark.parametrize("endpoint", ["cloudbase", "maiagent"])
def test_the_template_reaches_the_wire(sandbox: Sandbox, endpoint: str) -> None:
    agent = client(sandbox, endpoint, fold=lambda messages: "+".join(m.content for m in messages))
    agent.ask([Message("system", "Be brief."), "Hello"], session_id="template")
    assert received(sandbox) == ["Be brief.+Hello"]
    agent.forget("template")


async def _later(_: object) -> str:
    return "too late"


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("fold", [lambda _: None, lambda _: ["a"], _later])
@pytest.mark.parametrize("endpoint", ["cloudbase", "maiagent"])
def test_a_template_that_gives_no_text_is_refused_and_nothing_is_sent(
    sandbox: Sandbox, endpoint: str, fold: Any
) -> None:
    agent = client(sandbox, endpoint, fold=fold)
    with pytest.raises(ConfigurationError, match="fold= gives one text"):
        agent.ask([Message("system", "Be brief."), "Hello"], session_id="template")
    assert not sandbox.requests()
    assert agent.session("template") is None
