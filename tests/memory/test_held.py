"""An SQLite file that another process holds: each turn ends in its time, and none is lost."""

import gc
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from remote_agents import AgentTimeoutError, ConversationError, SQLSessionStore, Timeout
from remote_agents.flow import DeadlineReached
from remote_agents.memory import lease
from remote_agents.memory.history_matching import Conversation
from remote_agents.sandbox import Sandbox
from remote_agents.workers import workers
from tests.memory.ways import WAYS, ask, client

SLACK = 8.0  # seconds, on a busy machine

HOLD = """
import os, signal, sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLSessionStore]:
    store = SQLSessionStore(f"sqlite:///{path}")
    yield store
    store.close()


@contextmanager
def held_by_another(path: Path) -> Iterator[None]:
    """A process takes the database and is frozen; at last it is killed."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("total", [None, 0.5])
@pytest.mark.parametrize("way", WAYS)
async def test_a_turn_is_told_in_time(
    way: str,
    total: float | None,
    sandbox: Sandbox,
    store: SQLSessionStore,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent = client(sandbox, "bluenexus", session_store=store, timeout=Timeout(total=total))
    assert (await ask(agent, way, "Say: one", session_id="u1")).text
    with held_by_another(path), monkeypatch.context() as brief:
        brief.setattr(lease, "STORE_WAIT", 0.5)
        begun = time.monotonic()
        with pytest.raises(
            (ConversationError, AgentTimeoutError), match="othing was sent"
        ) as caught:
            await ask(agent, way, "Hi", session_id="u1")
        assert time.monotonic() - begun < SLACK
    assert caught.value.safe_to_repeat
    assert len(sandbox.turns()) == 1
    again = client(sandbox, "bluenexus", session_store=store)
    assert (await ask(again, way, "Hi", session_id="u1")).memory == "continued"


class HeldAmid(SQLSessionStore):
    """A store whose file is taken by another connection as soon as a turn has begun."""

    taker: sqlite3.Connection | None = None

    def begin(self, *args: Any, **options: Any) -> bool:
        taken = super().begin(*args, **options)
        if self.taker is not None:
            self.taker.execute("BEGIN IMMEDIATE")
        return taken


@pytest.mark.parametrize("way", WAYS)
async def test_a_turn_that_could_not_be_noted_is_noted_later(
    way: str, sandbox: Sandbox, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = HeldAmid(f"sqlite:///{path}")
    taker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    brief = client(sandbox, "bluenexus", session_store=store, timeout=Timeout(total=2))
    agent = client(sandbox, "bluenexus", session_store=store)
    assert (await ask(agent, way, "Say: one", session_id="u1")).text
    store.taker, begun = taker, time.monotonic()
    assert (await ask(brief, way, "Say: two", session_id="u1")).text == "two"
    assert time.monotonic() - begun < 2 + SLACK
    assert "does not answer" in caplog.text
    store.taker = None
    taker.execute("ROLLBACK")
    assert (await ask(agent, way, "Say: three", session_id="u1")).memory == "continued"
    assert agent.session("u1").turns == 3
    taker.close()
    store.close()


def test_a_wait_of_the_users_own_is_kept(path: Path) -> None:
    store = SQLSessionStore(f"sqlite:///{path}?timeout=0.1")
    with held_by_another(path):
        for _ in range(2):
            with pytest.raises(ConversationError, match="locked"):
                store.call_within(60, lambda: store.begin("u1", "h", None))
    assert store.begin("u1", "h", None)
    assert store.finish("u1", "h", None)
    store.close()


def test_what_may_wait_longer_again_does(store: SQLSessionStore, path: Path) -> None:
    store.call_within(0.1, lambda: store.begin("u1", "h", None))
    with held_by_another(path):
        begun = time.monotonic()
        with pytest.raises(DeadlineReached):
            store.call_within(0.5, lambda: store.begin("u1", "h", None))
        assert time.monotonic() - begun >= 0.5


def test_a_blocking_turn_needs_no_other_thread(
    sandbox: Sandbox, store: SQLSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = client(sandbox, "bluenexus", session_store=store)
    assert agent.ask("Say: one", session_id="u1").text  # it looks the host's address up
    monkeypatch.setattr(workers, "submit", lambda job: pytest.fail("a thread was asked"))
    assert list(agent.stream("Say: two", session_id="u1"))
    assert agent.session("u1").turns == 2


# --- connections ---------------------------------------------------------------------------------


class Counted(sqlite3.Connection):
    """A connection, and how many are open."""

    open: int = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        Counted.open += 1

    def close(self) -> None:
        Counted.open -= 1
        super().close()


@pytest.mark.parametrize("how", ["closed", "dropped"])
def test_connections_are_closed(how: str, path: Path) -> None:
    options = {"connect_args": {"factory": Counted}}
    store = SQLSessionStore(f"sqlite:///{path}", engine_options=options, lease=0.3)
    assert store.begin("u1", "h", None)
    assert store.finish("u1", "h", Conversation("c", turns=1))
    assert Counted.open > 0
    if how == "closed":
        store.close()
    del store
    end = time.monotonic() + SLACK
    while Counted.open and time.monotonic() < end:
        gc.collect()
        time.sleep(0.05)
    assert Counted.open == 0
