"""Edited histories, lost conversations, and agents that refuse to keep any."""

from contextlib import nullcontext
from typing import Any

import pytest

from remote_agents import (
    ENDPOINTS,
    AgentError,
    BadRequestError,
    ConversationError,
    ConversationNotFoundError,
    InMemorySessionStore,
    Message,
    NotFoundError,
    RemoteFailureError,
    ServerError,
    SQLSessionStore,
    UnsupportedContentError,
)
from remote_agents.memory.dialogue import names_in
from remote_agents.memory.history_matching import LATEST
from remote_agents.sandbox import Sandbox
from remote_agents.turns.memory_warnings import ConversationRestartedWarning
from tests.memory.ways import ASKED, REMEMBERING, SECRET, WAYS, ask, asked, client, received

KEEPING = [*REMEMBERING, "cloudbase_ag_ui"]
TOLD = SECRET.format("zebra-17")
VACATION = "How many vacation days do I get?"


@pytest.fixture
def store() -> InMemorySessionStore:
    return InMemorySessionStore()


def lose(box: Sandbox, endpoint: str, conversation: Any) -> None:
    box.forget_conversation(
        "cloudbase" if endpoint == "cloudbase_ag_ui" else endpoint, conversation
    )


async def dialogue(agent: Any, *texts: str, **call: Any) -> list[Any]:
    """A history of turns."""
    history: list[Any] = []
    for text in texts:
        history.append(text)
        history.append(await ask(agent, "ask", history, **call))
    return history


CALLS = [
    {"session_id": "u1"},
    {"memory": "server"},
    {"dialogue": names_in({"thread_id": "t1"})},
    {"dialogue": names_in({"session_id": "s1", "user_id": "alice"})},
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("endpoint", KEEPING)
async def test_an_edited_history_goes_to_a_new_conversation(
    sandbox: Sandbox, endpoint: str, call: dict[str, Any], store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store)
    history = await dialogue(agent, TOLD, "Thanks.", "My secret word is lion-3.", VACATION, **call)
    edited = [*history[:4], ASKED]
    fork = await ask(agent, "ask", edited, **call)
    assert "zebra-17" in fork.text
    assert "lion-3" not in "\n".join(received(sandbox))
    assert TOLD in "\n".join(received(sandbox))
    assert fork.conversation_id not in (None, history[1].conversation_id)
    assert (fork.memory, fork.differs) == ("replayed", (4, "user"))
    after = await ask(agent, "ask", [*edited, fork, "Thanks again."], **call)
    assert received(sandbox)[-1] == "Thanks again."
    assert after.conversation_id == fork.conversation_id
    assert after.memory == "continued"
    old = await ask(agent, "ask", [*history, ASKED], **call)  # back on the first branch
    assert "lion-3" in old.text
    assert old.conversation_id == history[1].conversation_id


EDITS: dict[str, Any] = {
    "the very first message": lambda history: ["My secret word is heron-5.", *history[1:], ASKED],
    "an answer": lambda history: [TOLD, "It is heron-5.", *history[2:], ASKED],
    "a turn taken back": lambda history: [*history[:2], "My secret word is heron-5.", ASKED],
    "a summary": lambda history: ["We said: my secret word is heron-5.", *history[2:], ASKED],
}


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("endpoint", KEEPING)
async def test_no_edit_goes_unnoticed(
    sandbox: Sandbox, endpoint: str, edit: str, marked: bool, store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store)
    history = await dialogue(agent, TOLD, "Thanks.", session_id="u1")
    edited = EDITS[edit](history)
    if not marked:
        edited = [as_page(message) for message in edited]
    reply = await ask(agent, "ask", edited, session_id="u1")
    assert "heron-5" in "\n".join(received(sandbox))
    assert reply.conversation_id != history[-1].conversation_id
    assert reply.memory == "replayed"


def as_page(message: Any) -> Any:
    """What a chat page keeps of a message."""
    if isinstance(message, str):
        return {"role": "user", "content": message}
    return {"role": "assistant", "content": message.text}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("call", CALLS)
async def test_a_conversation_that_gave_way_to_later_ones_is_not_gone_on_with(
    call: Any, kind: str, sandbox: Sandbox
) -> None:
    """The store knows no more what came after the turn that the history ends with."""
    store = InMemorySessionStore() if kind == "memory" else SQLSessionStore("sqlite://")
    agent = client(sandbox, "bluenexus", session_store=store)
    history = await dialogue(agent, "Hello", **call)
    await ask(agent, "ask", [*history, TOLD], **call)
    for branch in range(LATEST):
        edited = [*history, f"Branch {branch}"]
        edited.append(await ask(agent, "ask", edited, **call))
        await ask(agent, "ask", [*edited, "Go on"], **call)
    reply = await ask(agent, "ask", [*history, ASKED], **call)
    assert "zebra-17" not in reply.text
    assert reply.memory == "replayed"


@pytest.mark.parametrize("endpoint", KEEPING)
async def test_a_trimmed_history_goes_on(
    sandbox: Sandbox, endpoint: str, store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store)
    history = await dialogue(agent, TOLD, "Thanks.", VACATION, session_id="u1")
    reply = await ask(agent, "ask", [*history[2:], ASKED], session_id="u1")
    assert reply.conversation_id == history[1].conversation_id
    assert reply.memory == "continued"


@pytest.mark.parametrize("endpoint", KEEPING)
async def test_a_regenerated_answer_is_asked_anew(
    sandbox: Sandbox, endpoint: str, store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store)
    history = await dialogue(agent, TOLD, ASKED, session_id="u1")
    again = await ask(agent, "ask", history[:3], session_id="u1")
    assert "zebra-17" in again.text
    assert (again.memory, again.differs) == ("replayed", (2, "user"))
    await ask(agent, "ask", [*history[:3], again, "Thanks."], session_id="u1")
    turns = sandbox.turns()
    assert turns[-1]["conversation_id"] == turns[-2]["conversation_id"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", KEEPING)
async def test_a_lost_conversation_is_restarted_from_its_history(
    sandbox: Sandbox, endpoint: str, way: str, store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store)
    history = await dialogue(agent, TOLD, "Thanks.", session_id="u1")
    lose(sandbox, endpoint, history[1].conversation_id)
    with pytest.warns(ConversationRestartedWarning, match=history[1].conversation_id):
        reply = await ask(agent, way, [*history, ASKED], session_id="u1")
    assert "zebra-17" in reply.text
    assert agent.session("u1").conversation_id == reply.conversation_id
    assert reply.conversation_id != history[1].conversation_id
    assert agent.session("u1").turns == 1
    assert [each.conversation_id for each in agent.session("u1")] == [reply.conversation_id]
    await ask(agent, way, [*history, ASKED, reply, "Thanks."], session_id="u1")
    assert sandbox.turns()[-1]["conversation_id"] == reply.conversation_id
    assert received(sandbox)[-1] == "Thanks."


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", KEEPING)
async def test_a_lost_conversation_without_its_history_is_an_error(
    sandbox: Sandbox, endpoint: str, way: str, store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store)
    first = await ask(agent, "ask", TOLD, session_id="u1")
    lose(sandbox, endpoint, first.conversation_id)
    calls: list[dict[str, Any]] = [
        {"session_id": "u1"},
        {"conversation_id": first.conversation_id},
    ]
    for call in calls:
        with pytest.raises(ConversationNotFoundError, match="not at hand") as caught:
            await ask(agent, way, ASKED, **call)
        assert caught.value.conversation_id == first.conversation_id
        assert caught.value.endpoint == agent.agent.endpoint.name
    assert agent.forget("u1")
    fresh = await ask(agent, way, ASKED, session_id="u1")
    assert fresh.memory == "new"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", KEEPING)
async def test_a_question_whose_answer_broke_off_restarts_too(
    sandbox: Sandbox, endpoint: str, way: str, call: dict[str, Any], store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store, max_retries=0)
    sandbox.drop_after(1)
    with pytest.raises(AgentError) as broken:
        await ask(agent, "stream", [TOLD], **call)
    lost = broken.value.conversation_id
    lose(sandbox, endpoint, lost)
    bare = call.get("memory") == "server"  # its replies name it, and there is none
    with nullcontext() if bare else pytest.warns(ConversationRestartedWarning, match=lost):
        reply = await ask(agent, way, [TOLD, ASKED], **call)
    assert "zebra-17" in reply.text
    assert reply.conversation_id != lost


@pytest.mark.parametrize("instruction", [[], [Message("system", "Be kind.")]], ids=["", "told"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", KEEPING)
async def test_a_session_goes_on_behind_a_question_that_broke_off(
    sandbox: Sandbox, endpoint: str, way: str, instruction: list[Any], store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store, max_retries=0)
    first = await ask(agent, "ask", [*instruction, TOLD], session_id="u1")
    sandbox.drop_after(1)
    with pytest.raises(AgentError):
        await ask(agent, "stream", [*instruction, "Thanks."], session_id="u1")
    reply = await ask(agent, way, ["Thanks.", ASKED], session_id="u1")
    assert (reply.conversation_id, reply.memory) == (first.conversation_id, "continued")
    assert "zebra-17" in reply.text
    assert asked(sandbox) == [ASKED]


@pytest.mark.parametrize("endpoint", KEEPING)
async def test_a_part_of_a_lost_conversation_is_not_taken_for_all(
    sandbox: Sandbox, endpoint: str, store: InMemorySessionStore
) -> None:
    agent = client(sandbox, endpoint, session_store=store, max_retries=0)
    await ask(agent, "ask", TOLD, session_id="u1")
    sandbox.drop_after(1)
    with pytest.raises(AgentError) as broken:
        await ask(agent, "stream", VACATION, session_id="u1")
    lose(sandbox, endpoint, broken.value.conversation_id)
    with pytest.raises(ConversationNotFoundError):
        await ask(agent, "ask", [VACATION, ASKED], session_id="u1")


@pytest.mark.parametrize("endpoint", KEEPING)
async def test_a_history_alone_restarts_too(sandbox: Sandbox, endpoint: str) -> None:
    agent = client(sandbox, endpoint, memory="server", session_store=InMemorySessionStore())
    history = await dialogue(agent, TOLD, "Thanks.")
    lose(sandbox, endpoint, history[-1].conversation_id)
    with pytest.warns(ConversationRestartedWarning):
        reply = await ask(agent, "ask", [*history, ASKED])
    assert "zebra-17" in reply.text


@pytest.mark.parametrize("endpoint", ["bluenexus", "maiagent"])
async def test_an_unknown_id_is_an_error(sandbox: Sandbox, endpoint: str) -> None:
    with pytest.raises(ConversationNotFoundError):
        await ask(client(sandbox, endpoint), "ask", "hi", conversation_id="never-seen")


async def test_other_refusals_are_not_taken_for_a_loss(sandbox: Sandbox) -> None:
    agent = client(sandbox, "bluenexus", session_store=InMemorySessionStore(), max_retries=0)
    history = await dialogue(agent, TOLD, session_id="u1")
    for status, body in (
        (500, {"message": "The conversation service is not available"}),
        (404, {"message": "Agent default not found"}),
        (400, {"message": "The conversation is too long"}),
    ):
        sandbox.fail_next(status=status, body=body, endpoint="bluenexus")
        with pytest.raises(AgentError) as caught:
            await ask(agent, "ask", [*history, ASKED], session_id="u1")
        assert not isinstance(caught.value, ConversationError)
    assert "zebra-17" in (await ask(agent, "ask", [*history, ASKED], session_id="u1")).text


def refusal(status: int, body: Any, code: str | None = None) -> AgentError:
    kind = {400: BadRequestError, 404: NotFoundError}.get(status, ServerError)
    return kind("refused", status_code=status, body=body, code=code, conversation_id="conv-xyz")


# shapes that the vendors' frameworks write (NestJS, FastAPI, DRF, CloudBase), and near misses
LOST: dict[str, tuple[str, AgentError, bool]] = {
    "NestJS": ("bluenexus", refusal(404, {"message": "Conversation conv-xyz not found"}), True),
    "by its id": ("bluenexus", refusal(404, {"message": "No resource conv-xyz"}), True),
    "validation": (
        "bluenexus",
        refusal(400, {"message": ["conversationId must be a valid UUID"]}),
        True,
    ),
    "no such agent": ("bluenexus", refusal(404, {"message": "Agent default not found"}), False),
    "no such path": ("bluenexus", refusal(404, {"message": "Cannot POST /api/v1/x"}), False),
    "too long": ("bluenexus", refusal(400, {"message": "The conversation is too long"}), False),
    "down": ("bluenexus", refusal(503, {"message": "conversation store not found"}), False),
    "DRF": (
        "maiagent",
        refusal(400, {"conversation": ['Invalid pk "conv-xyz" - object does not exist.']}),
        True,
    ),
    "DRF 404": ("maiagent", refusal(404, {"detail": "No Conversation matches the query."}), True),
    "DRF, another field": ("maiagent", refusal(400, {"message": ["Required."]}), False),
    "DRF, no chatbot": ("maiagent", refusal(404, {"detail": "No Chatbot matches."}), False),
    "FastAPI": (
        "private_ai",
        refusal(404, {"detail": "No session found with ID conv-xyz"}),
        True,
    ),
    "FastAPI expired": ("private_ai", refusal(400, {"detail": "Session has expired"}), True),
    "FastAPI, no agent": ("private_ai", refusal(404, {"detail": "No agent found"}), False),
    "FastAPI, no path": ("private_ai", refusal(404, {"detail": "Not Found"}), False),
    "CloudBase": (
        "cloudbase",
        refusal(404, {"code": "CONVERSATION_NOT_FOUND", "message": "gone"}),
        True,
    ),
    "CloudBase, in the stream": (
        "cloudbase",
        RemoteFailureError("failed", code="CONVERSATION_NOT_FOUND"),
        False,
    ),
    "a tool of the agent lost something": (
        "cloudbase",
        RemoteFailureError("failed", body={"error": {"message": "Slack: conversation not found"}}),
        False,
    ),
    "a parameter of the conversation": (
        "bluenexus",
        BadRequestError(
            status_code=400, body={"message": "Invalid temperature for this conversation"}
        ),
        False,
    ),
    "CloudBase, model failed": (
        "cloudbase",
        RemoteFailureError("failed", body={"error": {"name": "LLMError", "message": "boom"}}),
        False,
    ),
}


@pytest.mark.parametrize("shape", LOST)
def test_a_loss_is_told_from_other_refusals(shape: str) -> None:
    endpoint, error, lost = LOST[shape]
    assert ENDPOINTS[endpoint].is_lost(error) is lost


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"code": "MULTI_CONVERSATION_DISABLED", "message": "multi-conversation is off"}),
        (400, {"code": "INVALID_PARAM", "message": "conversation is not supported here"}),
        (403, {"code": "OPERATION_DENIED", "message": "当前环境版本不支持多会话"}),
        (404, {"code": "NOT_FOUND", "message": "Not Found"}),
    ],
)
@pytest.mark.parametrize("suggest", [False, True])
async def test_an_agent_that_keeps_no_conversation(
    sandbox: Sandbox,
    status: int,
    body: dict[str, str],
    suggest: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    agent = client(sandbox, "cloudbase", session_store=InMemorySessionStore())
    sandbox.fail_next(
        status=status, body=body, endpoint="cloudbase", match="/conversation", times=9
    )
    history = await dialogue(agent, TOLD, ASKED, session_id="u1", suggest=suggest)
    assert "zebra-17" in history[-1].text
    assert {turn["conversation_id"] for turn in sandbox.turns()} == {None}
    assert TOLD in received(sandbox)[0]
    assert agent.session("u1") is None
    assert history[-1].memory is None
    assert "did not; it knows only what is sent" in caplog.text


async def test_a_conversation_that_could_not_be_made_is_an_error(sandbox: Sandbox) -> None:
    agent = client(sandbox, "cloudbase", session_store=InMemorySessionStore(), max_retries=0)
    for status in (500, 401):
        sandbox.fail_next(status=status, endpoint="cloudbase", match="/conversation")
        with pytest.raises(AgentError):
            await ask(agent, "ask", TOLD, session_id="u1")
    assert sandbox.turns() == []
    assert (await ask(agent, "ask", TOLD, session_id="u1")).memory == "new"


@pytest.mark.parametrize("role", ["developer", ["developer"], {"developer": 1}])
@pytest.mark.parametrize("endpoint", [*KEEPING, "cloudbase_openai"])
def test_an_odd_role_is_refused(sandbox: Sandbox, endpoint: str, role: object) -> None:
    with pytest.raises(UnsupportedContentError, match="developer"):
        client(sandbox, endpoint).ask([{"role": role, "content": "x"}, "hi"])
    assert sandbox.turns() == []
