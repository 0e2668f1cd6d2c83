"""A session whose latest conversation is free, while the one to be gone on with is not."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from remote_agents import (
    AgentError,
    ConversationError,
    InMemorySessionStore,
    Message,
    SessionStore,
    SQLSessionStore,
)
from remote_agents.sandbox import Sandbox
from tests.memory.ways import ask, client


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[SessionStore]]:
    """Of two processes; or one for both."""
    if request.param == "memory":
        yield [InMemorySessionStore()] * 2
        return
    url = f"sqlite:///{tmp_path / 's.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    one, other = (SQLSessionStore(url, table="beside") for _ in range(2))
    with closing(one), closing(other):
        one.purge(-1)
        yield [one, other]


def history(question: str) -> list[Message]:
    return [Message("user", question), Message("assistant", "No."), Message("user", "And now?")]


@pytest.mark.parametrize("way", ["ask", "aask"])
async def test_whoever_waits_for_it_waits_in_time(
    way: str, stores: list[SessionStore], sandbox: Sandbox
) -> None:
    mine, others = (
        client(sandbox, "bluenexus", session_store=store, session_wait=0.3) for store in stores
    )
    sandbox.drop_after(2)
    with pytest.raises(AgentError):
        await ask(mine, "astream", "Count to 400", session_id="u1")
    sandbox.slow_first_byte(1.3)
    under_way = asyncio.create_task(ask(mine, "aask", history("Count to 400"), session_id="u1"))
    await asyncio.sleep(0.1)
    assert (await ask(mine, "aask", history("Hello"), session_id="u1")).memory == "replayed"
    begun = time.monotonic()
    prompt = [Message("user", "Count to 400"), Message("user", "Hello")]
    with pytest.raises(ConversationError, match="under way since"):
        await asyncio.to_thread(asyncio.run, _asked(others, way, prompt))
    assert time.monotonic() - begun < 0.8
    assert (await under_way).memory == "continued"


async def _asked(agent: object, way: str, prompt: list[Message]) -> None:
    await ask(agent, way, prompt, session_id="u1")
