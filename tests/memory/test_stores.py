"""What every session store does, and what the SQL one does besides."""

import copy
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from remote_agents import (
    ConfigurationError,
    ConversationError,
    InMemorySessionStore,
    Message,
    Session,
    SessionStore,
    SQLSessionStore,
)
from remote_agents.sandbox import Sandbox
from tests.memory.ways import REMEMBERING, client

TALKED = Session("c1", "r1", 1, ("a", "b"))


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 's.db'}"


@pytest.fixture(params=["memory", "sqlite", "sqlite in memory", "postgres"])
def store(request: pytest.FixtureRequest, url: str) -> Iterator[SessionStore]:
    if request.param == "memory":
        yield InMemorySessionStore()
        return
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    sql = SQLSessionStore("sqlite://" if request.param == "sqlite in memory" else url)
    sql.purge(-1)
    yield sql
    sql.close()


def put(store: SessionStore, key: str, session: Session = TALKED) -> None:
    assert store.acquire(key, "h") is not None
    assert store.release(key, "h", session)


def test_a_session_is_remembered(store: SessionStore) -> None:
    assert store.get("u1") is None
    new = store.acquire("u1", "h1")
    assert new is not None
    assert (new.conversation_id, new.turns, new.seen) == (None, 0, ())
    assert store.get("u1") is None  # it has had no turn yet
    assert store.release("u1", "h1", TALKED)
    assert store.get("u1") == store.acquire("u1", "h2")
    found = store.get("u1")
    assert found is not None
    assert (found.conversation_id, found.last_reply, found.turns, found.seen) == (
        "c1",
        "r1",
        1,
        ("a", "b"),
    )
    assert found.last_used == TALKED.last_used
    assert store.release("u1", "h2", None)
    assert store.get("u1") == found


@pytest.mark.parametrize("endpoint", REMEMBERING)
def test_a_store_holds_no_text(sandbox: Sandbox, endpoint: str, tmp_path: Path) -> None:
    store = SQLSessionStore(f"sqlite:///{tmp_path / 's.db'}")
    agent = client(sandbox, endpoint, session_store=store)
    messages = [Message("system", "Be heron-kind."), "Say: an answer of zebra-17"]
    reply = agent.ask(messages, session_id="u1")
    store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert reply.conversation_id.encode() in kept
    assert b"heron" not in kept
    assert b"zebra" not in kept


def test_turns_of_a_conversation_joined_midway_are_unknown(store: SessionStore) -> None:
    put(store, "u1", Session("c1", "r1", None))
    found = store.get("u1")
    assert found is not None
    assert found.turns is None


def test_a_forgotten_session_does_not_come_back(store: SessionStore) -> None:
    put(store, "u1")
    assert store.acquire("u1", "h1") is not None
    assert store.delete("u1")
    assert not store.delete("u1")
    assert not store.release("u1", "h1", TALKED)
    assert store.get("u1") is None
    put(store, "u1")


def test_old_sessions_are_purged(store: SessionStore) -> None:
    put(store, "old", Session("c1", "r1", 1, last_used=time.time() - 100))
    put(store, "new", Session("c1", "r1", 1))
    assert store.purge(50) == 1
    assert store.get("old") is None
    assert store.get("new") is not None
    assert store.purge(50) == 0


def test_copies_share_their_sessions(store: SessionStore) -> None:
    put(store, "u1")
    assert copy.deepcopy(store) is store


@pytest.mark.parametrize("key", ["ü/日本", "a" * 2_000, "'; DROP TABLE x; --", "a\0b", " "])
def test_any_name_will_do(store: SessionStore, key: str) -> None:
    put(store, key)
    assert store.get(key) is not None
    assert store.get(key + "x") is None
    assert store.delete(key)


def test_a_store_in_memory_travels_with_its_sessions() -> None:
    store = InMemorySessionStore(max_size=5, ttl=86_400)
    put(store, "u1")
    assert store.acquire("u1", "held") is not None
    travelled = pickle.loads(pickle.dumps(store))
    assert travelled.get("u1") == TALKED
    assert (travelled.max_size, travelled.ttl) == (5, 86_400)
    put(travelled, "u1")


def test_a_store_in_memory_is_bounded() -> None:
    store = InMemorySessionStore(max_size=3)
    for name in ("a", "b", "c"):
        put(store, name)
    put(store, "a")  # used again: b is now the oldest
    put(store, "d")
    assert [name for name in "abcd" if store.get(name)] == ["a", "c", "d"]
    with pytest.raises(ConfigurationError, match="max_size"):
        InMemorySessionStore(max_size=0)


def test_a_store_in_memory_forgets_after_a_while() -> None:
    store = InMemorySessionStore(ttl=10)
    put(store, "u1", Session("c1", "r1", 1, last_used=time.time() - 11))
    put(store, "u2", Session("c1", "r1", 1, last_used=time.time() - 9))
    assert store.get("u1") is None
    assert store.get("u2") is not None
    found = store.acquire("u1", "h")
    assert found is not None
    assert found.conversation_id is None


# --- SQL ----------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgres"])
def sql_url(request: pytest.FixtureRequest, url: str) -> str:
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgres" else url


def opened(url: str, **options: Any) -> SQLSessionStore:
    return SQLSessionStore(url, table=f"t{os.getpid()}", **options)


@pytest.fixture
def both(sql_url: str) -> Iterator[tuple[SQLSessionStore, SQLSessionStore]]:
    """Two stores on one database, as two processes have them."""
    stores = opened(sql_url, lease=0.6), opened(sql_url, lease=0.6)
    stores[0].purge(-1)
    yield stores
    for store in stores:
        store.close()


def test_a_session_has_one_holder(both: tuple[SQLSessionStore, SQLSessionStore]) -> None:
    here, there = both
    assert here.acquire("one", "h1") is not None
    assert there.acquire("one", "h2") is None
    assert not there.release("one", "h2", TALKED)
    assert here.release("one", "h1", TALKED)
    found = there.acquire("one", "h2")
    assert found is not None
    assert found.conversation_id == "c1"
    there.release("one", "h2", None)


def test_a_lease_is_renewed_while_its_process_lives(
    both: tuple[SQLSessionStore, SQLSessionStore],
) -> None:
    here, there = both
    assert here.acquire("two", "h1") is not None
    end = time.monotonic() + 1.5  # two and a half leases
    while time.monotonic() < end:
        assert there.acquire("two", "h2") is None
        time.sleep(0.05)
    assert there.purge(-1) == 0
    assert here.release("two", "h1", TALKED)


def test_a_lost_lease_overwrites_nothing(both: tuple[SQLSessionStore, SQLSessionStore]) -> None:
    here, there = both
    assert here.acquire("three", "h1") is not None
    here._database().leases.drop("h1")  # as if this process had been suspended
    time.sleep(0.7)
    assert there.acquire("three", "h2") is not None
    newer = Session("c2", "r2", 2)
    assert there.release("three", "h2", newer)
    assert not here.release("three", "h1", TALKED)
    assert here.get("three") == Session(
        "c2", "r2", 2, (), here.get("three").created, newer.last_used
    )  # type: ignore[union-attr]


def test_many_threads_get_one_session(both: tuple[SQLSessionStore, SQLSessionStore]) -> None:
    inside, most, taken = 0, 0, 0
    lock = threading.Lock()

    def take(number: int) -> None:
        nonlocal inside, most, taken
        holder, store = f"h{number}", both[number % 2]
        while store.acquire("busy", holder) is None:
            time.sleep(0.001)
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.001)
        with lock:
            inside -= 1
            taken += 1
        assert store.release("busy", holder, TALKED)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(40)))
    assert (most, taken) == (1, 40)


def hearts() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "session-leases"]


def test_the_heart_stops_when_nothing_is_held(sql_url: str) -> None:
    before = set(hearts())
    store = opened(sql_url, lease=0.15)
    put(store, "four")
    (heart,) = set(hearts()) - before
    heart.join(5)
    assert not heart.is_alive()
    put(store, "four")
    (heart,) = set(hearts()) - before
    store.close()
    heart.join(5)
    assert not heart.is_alive()


def test_a_newer_schema_is_refused(sql_url: str) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(sql_url)
    store = SQLSessionStore(sql_url, table="newer")
    put(store, "u1")
    store.close()
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO newer_version VALUES (2)"))
    engine.dispose()
    with pytest.raises(ConfigurationError, match="newer version"):
        store.get("u1")
    store.close()


def test_a_wrong_database_is_named_and_the_password_is_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SQLSessionStore("nonsense").get("u1")
    with pytest.raises(ConfigurationError, match="driver"):
        SQLSessionStore("postgresql+pg8000://x").get("u1")
    with pytest.raises(ConfigurationError, match="not on mysql"):
        SQLSessionStore("mysql+pymysql://x").get("u1")
    nowhere = SQLSessionStore("postgresql+psycopg://me:s3cret@127.0.0.1:1/x")
    with pytest.raises(ConversationError, match="session store") as caught:
        nowhere.get("u1")
    assert "s3cret" not in str(caught.value) + repr(nowhere)
    (tmp_path / "text").write_text("this is no database at all, only text")
    with pytest.raises(ConversationError, match="not a database"):
        SQLSessionStore(f"sqlite:///{tmp_path / 'text'}").get("u1")


async def test_a_dead_database_stops_the_turn_before_it_is_sent(sandbox: Sandbox) -> None:
    nowhere = SQLSessionStore("postgresql+psycopg://me:s3cret@127.0.0.1:1/x")
    agent = client(sandbox, "bluenexus", session_store=nowhere)
    for _ in range(2):
        with pytest.raises(ConversationError):
            agent.ask("hi", session_id="u1")
        with pytest.raises(ConversationError):
            await agent.aask("hi", session_id="u1")
    assert sandbox.turns() == []


def test_a_store_travels_to_another_process(sql_url: str) -> None:
    store = opened(sql_url, lease=5)
    put(store, "u1")
    again = pickle.loads(pickle.dumps(store))
    assert again.get("u1") == store.get("u1")
    assert again.lease == 5
    store.close()
    assert store.get("u1") is not None  # it opens again
    for each in (store, again):
        each.close()


FORKED = """
import os, sys
from remote_agents import SQLSessionStore, Session
store = SQLSessionStore(sys.argv[1], table="forked", lease=0.5)
assert store.acquire("parent", "p") is not None
children = []
for number in range(3):
    pid = os.fork()
    if pid == 0:
        try:
            for turn in range(20):
                assert store.acquire(f"u{number}", "h") is not None
                assert store.release(f"u{number}", "h", Session("c", "r", turn + 1))
            assert store.acquire("parent", "thief") is None
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(1)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
assert store.release("parent", "p", Session("c", "r", 1))
assert [store.get(f"u{number}").turns for number in range(3)] == [20, 20, 20]
store.close()
"""


def test_a_store_survives_a_fork(sql_url: str) -> None:
    script = [sys.executable, "-W", "ignore", "-c", FORKED, sql_url]
    assert subprocess.run(script, check=False, timeout=60).returncode == 0


AT_ONCE = """
import os, sys, time
import sqlalchemy, sqlalchemy.dialects.postgresql, sqlalchemy.dialects.sqlite
from remote_agents import SQLSessionStore
start, children = time.time() + 0.2, []
for number in range(6):
    pid = os.fork()
    if pid == 0:
        store = SQLSessionStore(sys.argv[1], table="at_once")
        time.sleep(max(0, start - time.time()))
        try:
            os._exit(0 if store.acquire(f"u{number}", "h") else 1)
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(1)
    children.append(pid)
assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 6
"""


def test_processes_may_make_the_tables_at_once(sql_url: str) -> None:
    script = [sys.executable, "-W", "ignore", "-c", AT_ONCE, sql_url]
    assert subprocess.run(script, check=False, timeout=60).returncode == 0
