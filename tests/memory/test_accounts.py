"""Whose conversations they are: users of one application never meet in one."""

import gc
from typing import Any

import pytest

from remote_agents import InMemorySessionStore, SQLSessionStore
from remote_agents.sandbox import Sandbox
from tests.memory.ways import ASKED, REMEMBERING, SECRET, WAYS, ask, client


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", REMEMBERING)
async def test_key_functions_that_come_and_go_are_told_apart(
    endpoint: str, way: str, sandbox: Sandbox
) -> None:
    """A web application makes a model for each request; the ids of its functions are used again."""
    key = sandbox.kwargs(endpoint)["api_key"]
    seen = []
    for user in ("alice", "bob", "carol"):
        agent = client(sandbox, endpoint, api_key=lambda user=user: key)
        await ask(agent, way, SECRET.format(user), session_id="main")
        seen.append((await ask(agent, way, ASKED, session_id="main")).conversation_id)
        del agent
        gc.collect()
    assert len(set(seen)) == 3


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("endpoint", REMEMBERING)
async def test_an_account_has_conversations_of_its_own(
    endpoint: str, kind: str, sandbox: Sandbox
) -> None:
    """In one store, by one function that knows who asks."""
    store: Any = InMemorySessionStore() if kind == "memory" else SQLSessionStore("sqlite://")
    user = [""]
    agent = client(sandbox, endpoint, session_store=store, account=lambda: user[0])
    seen = {}
    for name in ("alice", "bob", "alice"):
        user[0] = name
        reply = await ask(agent, "ask", SECRET.format(name), session_id="main")
        assert seen.setdefault(name, reply.conversation_id) == reply.conversation_id
    assert len(set(seen.values())) == 2
    if kind == "sqlite":
        store.close()
