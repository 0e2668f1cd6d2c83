"""An answer in another conversation than its question went to: it is said, and not relied on."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import remote_agents
from remote_agents import InMemorySessionStore, Reply
from remote_agents.testing.ways import NAMES
from remote_agents.turns.memory_warnings import ConversationRestartedWarning
from tests.memory.ways import WAYS, ask
from tests.raw_server import EVENTS, JSON, Step, head, serving

ALICE, BOB = "conversation-of-alice", "conversation-of-bob"


def whole(body: Any, *headers: str) -> list[Step]:
    raw = json.dumps(body).encode()
    return [head(JSON, "200 OK", *headers, length=len(raw)) + raw]


def openai(**more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "An answer."}
    return {"choices": [{"message": message, "finish_reason": "stop"}], **more}


def run(thread: str) -> list[Step]:
    message = {"messageId": "m1"}
    frames = [
        {"type": "RUN_STARTED", "threadId": thread, "runId": "r1"},
        {"type": "TEXT_MESSAGE_START", **message, "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", **message, "delta": "An answer."},
        {"type": "TEXT_MESSAGE_END", **message},
        {"type": "RUN_FINISHED", "threadId": thread, "runId": "r1"},
    ]
    body = b"".join(b"data: %s\n\n" % json.dumps(frame).encode() for frame in frames)
    return [head(EVENTS, length=len(body)) + body]


ANSWERS: dict[str, Callable[[str], list[Step]]] = {
    "bluenexus": lambda name: whole(openai(), f"X-Conversation-Id: {name}"),
    "maiagent": lambda name: whole({"conversationId": name, "content": "An answer.", "done": True}),
    "private_ai": lambda name: whole(openai(session_id=name)),
    "ag_ui": run,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("service", ANSWERS)
async def test_a_session_that_moves_is_told_of(service: str, way: str) -> None:
    answer = ANSWERS[service]
    with serving(answer(ALICE), answer(BOB)) as server:
        agent = getattr(remote_agents, NAMES[service])(
            base_url=server.url, agent_id="a", api_key="k", session_store=InMemorySessionStore()
        )
        first = await ask(agent, way, "Hi", session_id="alice")
        with pytest.warns(ConversationRestartedWarning, match=f"{ALICE}.*{BOB}"):
            second = await ask(agent, way, "And now?", session_id="alice")
        assert (first.conversation_id, second.conversation_id) == (ALICE, BOB)
        assert (second.memory, second.memory_reason) == ("new", "moved")
    (known,) = agent.session("alice")  # of the other one, this turn alone is known
    assert (known.conversation_id, known.turns, known.known) == (BOB, 1, 2)


@pytest.mark.parametrize("service", ANSWERS)
async def test_so_is_a_conversation_that_the_caller_named(service: str) -> None:
    with serving(ANSWERS[service](BOB)) as server:
        agent = getattr(remote_agents, NAMES[service])(
            base_url=server.url, agent_id="a", api_key="k", session_store=InMemorySessionStore()
        )
        with pytest.warns(ConversationRestartedWarning, match=f"{ALICE}.*{BOB}"):
            reply: Reply = await ask(agent, "ask", "Hi", conversation_id=ALICE)
    assert reply.conversation_id == BOB
