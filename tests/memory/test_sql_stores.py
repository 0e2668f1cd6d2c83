"""What the SQL store does besides: one holder for all processes, databases that fail."""

import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, TimeoutError as FutureTimeout
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from remote_agents import (
    ConfigurationError,
    ConversationError,
    InMemorySessionStore,
    SQLSessionStore,
)
from remote_agents.bulk.journal import open_journal
from remote_agents.sandbox import Sandbox
from tests.memory.stored import TALKED, ids, put
from tests.memory.ways import client


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


def test_a_conversation_has_one_holder(both: tuple[SQLSessionStore, SQLSessionStore]) -> None:
    here, there = both
    assert here.begin("one", "h1", None, alone=True)
    assert not there.begin("one", "h2", None, alone=True)
    assert not there.finish("one", "h2", TALKED)
    assert here.finish("one", "h1", TALKED)
    assert there.begin("one", "h2", TALKED)
    assert not here.begin("one", "h1", TALKED)
    assert there.finish("one", "h2", None)


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")  # as in a container that may have no more


@pytest.mark.parametrize("full", [False, True], ids=["", "no thread could begin before"])
def test_a_lease_is_renewed_while_its_process_lives(
    both: tuple[SQLSessionStore, SQLSessionStore], full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = both
    if full:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", no_thread)
            with pytest.raises(RuntimeError):
                here.begin("one", "h0", None)
        here.finish("one", "h0", None)
    put(here, "two")
    assert here.begin("two", "h1", TALKED)
    end = time.monotonic() + 1.5  # two and a half leases
    while time.monotonic() < end:
        assert not there.begin("two", "h2", TALKED)
        time.sleep(0.05)
    assert there.purge(-1) == 0
    assert here.finish("two", "h1", TALKED)


def test_a_lost_lease_overwrites_nothing(both: tuple[SQLSessionStore, SQLSessionStore]) -> None:
    here, there = both
    put(here, "three")
    assert here.begin("three", "h1", TALKED)
    assert here.begin("three", "h3", None)
    for holder in ("h1", "h3"):
        here._database().leases.drop(holder)  # as if this process had been suspended
    time.sleep(0.7)
    assert ids(there, "three") == ["c1"], "what a dead process had begun is nothing"
    assert there.read("three")[0].lapsed, "whether its turn ran is not known"
    assert there.begin("three", "h2", TALKED)
    newer = TALKED.after(b"answer", b"", history=False, broke_off=False)
    assert there.finish("three", "h2", newer)
    assert not here.finish("three", "h1", TALKED)
    assert here.read("three") == [newer]
    assert not newer.lapsed


def test_many_threads_get_one_conversation(both: tuple[SQLSessionStore, SQLSessionStore]) -> None:
    inside, most, taken = 0, 0, 0
    lock = threading.Lock()

    def take(number: int) -> None:
        nonlocal inside, most, taken
        holder, store = f"h{number}", both[number % 2]
        while not store.begin("busy", holder, TALKED):
            time.sleep(0.001)
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.001)
        with lock:
            inside -= 1
            taken += 1
        assert store.finish("busy", holder, TALKED)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(40)))
    assert (most, taken) == (1, 40)


def test_its_secret_is_kept(both: tuple[SQLSessionStore, SQLSessionStore]) -> None:
    here, there = both
    assert here.secret() == there.secret()
    assert len(here.secret()) == 32
    assert InMemorySessionStore().secret() is None


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


def execute(url: str, *lines: str) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        for line in lines:
            connection.execute(sqlalchemy.text(line))
    engine.dispose()


@pytest.mark.parametrize("version", [1, 2, 3, 4, 6])
def test_a_schema_of_another_version_is_refused(sql_url: str, version: int) -> None:
    SQLSessionStore(sql_url, table="other").close()
    execute(sql_url, f"UPDATE other_version SET version = {version}")
    with pytest.raises(ConfigurationError, match="another version") as caught:
        SQLSessionStore(sql_url, table="other")
    drop = str(caught.value).split("begin anew: ")[1]
    execute(sql_url, *drop.rstrip(";").split(";"))
    again = SQLSessionStore(sql_url, table="other")
    put(again, "u1")
    assert again.delete("u1") == ["c1"]
    again.close()


@pytest.mark.parametrize("login", ["u:a@b:s3cret@h:9", "u:s3cret@h:por"])
def test_an_address_that_cannot_be_read_is_not_shown(login: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        SQLSessionStore(f"postgresql+psycopg://{login}/x")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value)).replace(login, "")
    assert caught.value.__suppress_context__


def test_a_store_shows_no_secret_of_its_address(tmp_path: Path) -> None:
    store = SQLSessionStore(f"sqlite:///{tmp_path}/x.db?timeout=77")
    assert repr(store) == f"SQLSessionStore(sqlite:///{tmp_path}/x.db?timeout=***)"
    store.close()
    assert repr(SQLSessionStore.__new__(SQLSessionStore)) == "SQLSessionStore()"


def test_a_wrong_database_is_named_and_the_password_is_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SQLSessionStore("nonsense")
    with pytest.raises(ConfigurationError, match=r"driver.* postgresql\+psycopg://"):
        SQLSessionStore("postgresql+pg8000://x")
    with pytest.raises(ConfigurationError, match="not mysql"):
        SQLSessionStore("mysql+pymysql://x")
    with pytest.raises(ConversationError, match="session store") as caught:
        SQLSessionStore("postgresql+psycopg://me:s3cret@127.0.0.1:1/x")
    assert "s3cret" not in str(caught.value)
    (tmp_path / "text").write_text("this is no database at all, only text")
    with pytest.raises(ConversationError, match="not a database"):
        SQLSessionStore(f"sqlite:///{tmp_path / 'text'}")
    store = SQLSessionStore(f"sqlite:///{tmp_path / 's.db'}?timeout=3")
    assert "s3cret" not in repr(store)
    store.close()


@pytest.mark.parametrize(
    ("address", "write"),
    [
        ("sqlite+aiosqlite:///{}/x.db", "sqlite://"),
        ("postgresql+asyncpg://me:s3cret@127.0.0.1:1/x", r"postgresql\+psycopg://"),
        ("postgres://me:s3cret@127.0.0.1:1/x", r"postgresql\+psycopg://"),
    ],
)
@pytest.mark.parametrize("opened", [SQLSessionStore, lambda url: open_journal(url, "run")])
def test_an_address_of_another_library_is_answered_with_what_to_write(
    address: str, write: str, opened: Callable[[str], object], tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=f"write {write}") as caught:
        opened(address.format(tmp_path))
    assert "s3cret" not in str(caught.value)
    assert "pip install" not in str(caught.value)


async def test_a_dead_database_stops_the_turn_before_it_is_sent(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    store = SQLSessionStore(f"sqlite:///{tmp_path / 's.db'}")
    agent = client(sandbox, "bluenexus", session_store=store)
    execute(f"sqlite:///{tmp_path / 's.db'}", "DROP TABLE remote_agents_conversations")
    for _ in range(2):
        with pytest.raises(ConversationError):
            agent.ask("hi", session_id="u1")
        with pytest.raises(ConversationError):
            await agent.aask("hi", session_id="u1")
    assert sandbox.turns() == []
    store.close()


def test_a_store_travels_to_another_process(sql_url: str) -> None:
    store = opened(sql_url, lease=5)
    put(store, "u1")
    again = pickle.loads(pickle.dumps(store))
    assert again.read("u1") == store.read("u1")
    assert again.lease == 5
    store.close()
    assert ids(store, "u1") == ["c1"]  # it opens again
    for each in (store, again):
        each.close()


FORKED = """
import os, sys
from remote_agents import SQLSessionStore
from remote_agents.memory.history_matching import Conversation
def after(turn): return Conversation("c", turn, turn)
store = SQLSessionStore(sys.argv[1], table="forked", lease=0.5)
assert store.begin("parent", "p", after(0))
children = []
for number in range(3):
    pid = os.fork()
    if pid == 0:
        try:
            for turn in range(20):
                assert store.begin(f"u{number}", "h", after(turn))
                assert store.finish(f"u{number}", "h", after(turn + 1))
            assert not store.begin("parent", "thief", after(0))
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(1)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
assert store.finish("parent", "p", after(1))
assert [store.read(f"u{number}")[0].turns for number in range(3)] == [20, 20, 20]
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
        time.sleep(max(0, start - time.time()))
        try:
            store = SQLSessionStore(sys.argv[1], table="at_once")
            os._exit(0 if store.begin(f"u{number}", "h", None) else 1)
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(1)
    children.append(pid)
assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 6
"""


def test_processes_may_make_the_tables_at_once(sql_url: str) -> None:
    script = [sys.executable, "-W", "ignore", "-c", AT_ONCE, sql_url]
    assert subprocess.run(script, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("opens", [SQLSessionStore, lambda url: open_journal(url, "run")])
def test_a_new_file_that_another_process_writes_is_waited_for(
    opens: Callable[[str], Any], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises((ConversationError, ConfigurationError), match="locked"):
            opens(f"{url}?timeout=0.1")
        with ThreadPoolExecutor() as pool:
            opening = pool.submit(opens, url)
            with pytest.raises(FutureTimeout):
                opening.result(0.5)
            other.execute("COMMIT")
            opening.result().close()


def test_a_store_that_is_closed_amid_a_statement_leaves_no_connection(postgres_url: str) -> None:
    """What the statement used is not given back to a pool that nobody closes again."""
    import psycopg

    store = SQLSessionStore(f"{postgres_url}?application_name=closed", table="closed")
    address = postgres_url.replace("+psycopg", "")
    with psycopg.connect(address) as other, psycopg.connect(address, autocommit=True) as looks:

        def standing(state: str) -> int:
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closed' "
            row = looks.execute(f"{query} {state}").fetchone()
            return row[0] if row else 0

        other.execute("LOCK TABLE closed IN EXCLUSIVE MODE")
        with ThreadPoolExecutor() as pool:
            begun = pool.submit(store.begin, "u1", "h", None)
            while not standing("AND wait_event_type = 'Lock'"):
                assert not begun.done()
            store.close()
            other.rollback()
            assert begun.result()
        deadline = time.monotonic() + 10
        while standing(""):  # the server takes a moment to see that it was left
            assert time.monotonic() < deadline
