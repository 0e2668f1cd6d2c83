"""PostgreSQL and Redis are killed, frozen and started again amid turns: each ends in its time."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from remote_agents import (
    AgentConnectionError,
    AgentError,
    AgentTimeoutError,
    InMemorySessionStore,
    Reply,
    SessionStore,
    SQLSessionStore,
    TextDelta,
    Timeout,
)
from remote_agents.memory import lease
from remote_agents.memory.history_matching import Conversation
from remote_agents.sandbox import Sandbox
from remote_agents.turns import rate_limit
from tests import databases
from tests.memory.ways import ASKED, REMEMBERING, SECRET, WAYS, ask, client

TOTAL = 5.0  # seconds for each turn
SLACK = 4.0  # on a busy machine
AWAITED = ("aask", "astream")


@pytest.fixture(scope="module")
def postgres() -> Iterator[databases.Server]:
    with databases.postgres_server() as server:
        yield server


@pytest.fixture(scope="module")
def redis() -> Iterator[databases.Server]:
    with databases.redis_server() as server:
        yield server


@pytest.fixture
def store(postgres: databases.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[SQLSessionStore]:
    """Sessions in PostgreSQL, for which a turn waits a second."""
    monkeypatch.setattr(lease, "STORE_WAIT", 1.0)
    store = SQLSessionStore(postgres.url)
    store.purge(-1)
    yield store
    store.close()


# --- while turns run ------------------------------------------------------------------------------

Outage = Callable[[databases.Server], None]


def freeze(server: databases.Server) -> None:
    with server.frozen():
        time.sleep(10)


def kill(server: databases.Server) -> None:
    server.kill()
    time.sleep(1)
    server.start()


class Users:
    """Users who ask one question after the other, each in a way and a session of his own."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.turns: list[tuple[str, float, bool, Reply | AgentError]] = []

    async def talk(self, agent: Any, way: str, session: str) -> None:
        """Ask until the outage is over, and once more."""
        after = False
        while not after:
            begun, after = time.monotonic(), self.over.is_set()
            outcome = await answered(agent, way, "Count to 20", session)
            self.turns.append((f"{way} {session}", time.monotonic() - begun, after, outcome))

    def check(self) -> None:
        """Each turn ended in its time; what it got is there; those after the outage are answers."""
        for user, seconds, after, outcome in self.turns:
            assert seconds < TOTAL + SLACK, (user, seconds, outcome)
            if isinstance(outcome, Reply):
                assert "19" in outcome.text, (user, outcome)
            else:
                assert not after, (user, outcome)
                assert outcome.safe_to_repeat or getattr(outcome, "partial", ""), (user, outcome)


async def answered(agent: Any, way: str, question: str, session: str) -> Reply | AgentError:
    """The answer, or the error."""
    turn = ask(agent, way, question, session_id=session)
    try:
        return await (turn if way in AWAITED else off_the_loop(turn))
    except AgentError as error:
        return error


async def off_the_loop(turn: Any) -> Reply:
    """A blocking turn, in a thread."""
    return await asyncio.get_running_loop().run_in_executor(None, asyncio.run, turn)


@asynccontextmanager
async def begun_stream(agent: Any, way: str) -> AsyncIterator[Any]:
    """A stream whose first text has come, as what reads the rest of it."""
    events = getattr(agent, way)(SECRET.format("zebra-17"), session_id=f"{way}-begun")

    def read() -> Any:
        return list(events)[-1]

    async def aread() -> Any:
        return [event async for event in events][-1]

    if way == "stream":
        while not isinstance(await asyncio.to_thread(next, events), TextDelta):
            pass
        yield lambda: asyncio.to_thread(read)
    else:
        while not isinstance(await anext(events), TextDelta):
            pass
        yield aread


@pytest.mark.parametrize("outage", [freeze, kill])
async def test_turns_before_amid_and_after_it(
    outage: Outage,
    postgres: databases.Server,
    redis: databases.Server,
    store: SQLSessionStore,
    sandbox: Sandbox,
    uncounted: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One outage of both for the turns of all agents, in all ways."""
    monkeypatch.setattr(rate_limit, "STORAGE_WAIT", 1.0)
    sandbox.configure(word_delay=0.02)
    kept = {"session_store": store, "timeout": Timeout(total=TOTAL)}
    limited = {"rate_limit": "1000/second", "rate_limit_storage": redis.url}
    agents = {name: client(sandbox, name, **kept) for name in REMEMBERING}
    agents["limited"] = client(sandbox, "bluenexus", **limited, timeout=Timeout(total=TOTAL))
    users = Users()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(8 * len(agents)) as threads:
        loop.set_default_executor(threads)
        async with AsyncExitStack() as streams:
            begun = [
                (agent, way, await streams.enter_async_context(begun_stream(agent, way)))
                for agent in agents.values()
                for way in ("stream", "astream")
            ]
            talks = [
                asyncio.ensure_future(users.talk(agent, way, f"{name}-{way}"))
                for name, agent in agents.items()
                for way in WAYS
            ]
            await asyncio.sleep(0.4)
            outages = [
                asyncio.ensure_future(asyncio.to_thread(outage, server))
                for server in (postgres, redis)
            ]
            answers = await asyncio.gather(*(rest() for _, _, rest in begun))
            await asyncio.gather(*outages)
            users.over.set()
            await asyncio.gather(*talks)
        sandbox.configure(word_delay=0)
        users.check()
        assert any(isinstance(outcome, AgentError) for *_, outcome in users.turns)
        for (agent, way, _), finish in zip(begun, answers, strict=True):
            reply = await answered(agent, way, ASKED, f"{way}-begun")
            assert isinstance(reply, Reply), reply
            assert "zebra-17" in reply.text
            assert reply.conversation_id == finish.reply.conversation_id


# --- what PostgreSQL keeps ------------------------------------------------------------------------

ODD_IDS = ["c" * 513, "c" * 5000, "a\0b", "?mark", "umlaut-ü", "half-\ud83d", "\x00", "'; DROP"]


@pytest.mark.parametrize("conversation_id", ODD_IDS, ids=lambda each: repr(each)[:12])
@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgres"])
def test_any_id_of_a_conversation_is_kept(
    conversation_id: str, kind: str, postgres: databases.Server
) -> None:
    store: SessionStore = InMemorySessionStore()
    if kind != "memory":
        store = SQLSessionStore("sqlite://" if kind == "sqlite" else postgres.url)
    dialogue = f"odd-{hash(conversation_id)}"
    talked = Conversation(conversation_id, held=b"digest" * 2, known=2, count=2, turns=1)
    assert store.begin(dialogue, "h1", None)
    assert store.finish(dialogue, "h1", talked)
    assert store.read(dialogue) == [talked]
    assert store.begin(dialogue, "h2", talked)
    after = talked.after(b"answer", b"", history=False, broke_off=False)
    assert store.finish(dialogue, "h2", after)
    assert store.read(dialogue) == [after]
    assert store.delete(dialogue) == [conversation_id]
    if isinstance(store, SQLSessionStore):
        store.close()


# --- Redis ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", [None, 0.7])
@pytest.mark.parametrize("awaited", [False, True])
def test_a_redis_that_is_frozen(
    awaited: bool,
    total: float | None,
    redis: databases.Server,
    sandbox: Sandbox,
    uncounted: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limit, "STORAGE_WAIT", 0.5)
    agent = client(
        sandbox,
        "bluenexus",
        rate_limit="1000/second",
        rate_limit_storage=redis.url,
        timeout=Timeout(total=total),
    )

    def turn() -> str:
        return str(asyncio.run(agent.aask("Say: one")) if awaited else agent.ask("Say: one"))

    assert "one" in turn()
    with redis.frozen():
        begun = time.monotonic()
        with pytest.raises((AgentConnectionError, AgentTimeoutError)) as caught:
            turn()
        assert time.monotonic() - begun < 8
        assert caught.value.safe_to_repeat
    assert len(sandbox.turns()) == 1
    assert "one" in turn()


@pytest.mark.parametrize("awaited", [False, True])
def test_a_redis_that_was_killed(
    awaited: bool, redis: databases.Server, sandbox: Sandbox, uncounted: None
) -> None:
    limited = {"rate_limit": "1000/second", "rate_limit_storage": redis.url}
    agent = client(sandbox, "bluenexus", **limited)

    def turn() -> str:
        return str(asyncio.run(agent.aask("Say: one")) if awaited else agent.ask("Say: one"))

    assert "one" in turn()
    redis.kill()
    with pytest.raises(AgentConnectionError, match="nothing was sent"):
        turn()
    redis.start()
    assert "one" in turn()
