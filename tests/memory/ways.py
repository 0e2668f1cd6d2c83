"""The plain clients in each of their four ways, behind one call."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import remote_agents
from remote_agents import ENDPOINTS, Finish, Reply
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import NAMES

SECRET, ASKED = "My secret word is {}.", "What is my secret word?"
WAYS = ("ask", "aask", "stream", "astream")
REMEMBERING = tuple(name for name, facts in ENDPOINTS.items() if facts.keeps != "none")


def client(box: Sandbox, endpoint: str, **settings: Any) -> Any:
    """A plain client of an agent of the sandbox; `cloudbase_ag_ui` is CloudBase's other dialect."""
    if endpoint == "cloudbase_ag_ui":
        settings["agent_id"] = "agent-handbook"
        endpoint = "cloudbase"
    return getattr(remote_agents, NAMES[endpoint])(**{**box.kwargs(endpoint), **settings})


def key_of(client: Any, session_id: str) -> str:
    """The store's key of a session."""
    keys: list[str] = client.agent.dialogue_keys_of(session_id, {}, client.agent.account())
    return keys[1]


async def ask(client: Any, way: str, prompt: Any, **call: Any) -> Reply:
    """One turn."""
    answer = getattr(client, way)(prompt, **call)
    if way == "aask":
        reply: Reply = await answer
        return reply
    return await _last(answer) if way == "astream" else answer if way == "ask" else _end(answer)


def _end(events: Iterator[Any]) -> Reply:
    *_, last = events
    assert isinstance(last, Finish)
    return last.reply


async def _last(events: AsyncIterator[Any]) -> Reply:
    *_, last = [event async for event in events]
    assert isinstance(last, Finish)
    return last.reply


def received(box: Sandbox, turn: int = -1) -> list[str]:
    """The texts of a turn as they reached the server."""
    return [message["content"] for message in box.turns()[turn]["messages"]]


def asked(box: Sandbox, turn: int = -1) -> list[str]:
    """The same without the history that a service is told along with what is new."""
    texts = received(box, turn)
    facts = ENDPOINTS[box.turns()[turn]["endpoint"]]
    return texts[-1:] if facts.context and facts.one_message else texts
