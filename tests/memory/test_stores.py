"""What every session store does."""

import copy
import pickle
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from remote_agents import (
    ConfigurationError,
    InMemorySessionStore,
    Message,
    SessionStore,
    SQLSessionStore,
)
from remote_agents.memory.history_matching import KEPT, LATEST
from remote_agents.sandbox import Sandbox
from tests.memory.stored import TALKED, ids, put, talked
from tests.memory.ways import REMEMBERING, client


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


def test_a_conversation_is_remembered(store: SessionStore) -> None:
    assert store.read("u1") == []
    assert store.begin("u1", "h1", None)
    (begun,) = store.read("u1")
    assert (begun.conversation_id, begun.turns) == ("", 0)
    assert begun.busy_since is not None
    assert store.finish("u1", "h1", TALKED)
    assert store.read("u1") == [TALKED]
    assert store.begin("u1", "h2", TALKED)
    (busy,) = store.read("u1")
    assert busy.busy_since is not None
    assert busy == replace(TALKED, busy_since=busy.busy_since, last_used=busy.last_used)
    after = TALKED.after(b"answer", b"", history=False, broke_off=False)
    assert store.finish("u1", "h2", after)
    assert store.read("u1") == [after]
    assert (after.turns, after.count, after.known, after.broke_off) == (2, 5, 5, False)


def test_a_turn_that_was_refused_leaves_no_trace(store: SessionStore) -> None:
    assert store.begin("u1", "h1", None)
    assert store.finish("u1", "h1", None)
    assert store.read("u1") == []
    put(store, "u1")
    assert store.begin("u1", "h1", TALKED)
    assert store.finish("u1", "h1", None)
    (found,) = store.read("u1")
    assert found == replace(TALKED, last_used=found.last_used)


def test_a_conversation_has_one_turn_at_a_time(store: SessionStore) -> None:
    put(store, "u1")
    assert store.begin("u1", "h1", TALKED)
    assert not store.begin("u1", "h2", TALKED)
    assert not store.finish("u1", "h2", TALKED)
    assert store.begin("u1", "h2", None), "a new one may begin meanwhile"
    assert store.begin("u1", "h3", None, alone=True)
    assert not store.begin("u1", "h4", None, alone=True)
    for holder in ("h1", "h2", "h3"):
        assert store.finish("u1", holder, None)
    assert ids(store, "u1") == ["c1"]


def test_a_conversation_that_has_moved_on_is_not_taken(store: SessionStore) -> None:
    put(store, "u1", talked(turns=2, count=4))
    assert not store.begin("u1", "h1", talked(turns=1, count=2))
    newer = talked(turns=3, count=6)
    assert store.begin("u1", "h1", newer), "marks may have seen more than the store"
    assert store.finish("u1", "h1", newer)
    assert store.begin("u1", "h1", talked("c9")), "or know of one that it has not seen"
    assert store.finish("u1", "h1", talked("c9"))
    assert ids(store, "u1") == ["c9", "c1"]


def test_a_lost_conversation_gives_way_to_its_successor(store: SessionStore) -> None:
    put(store, "u1", talked("lost"))
    assert store.begin("u1", "h1", talked("lost"))
    assert store.finish("u1", "h1", talked("found"))
    assert ids(store, "u1") == ["found"]


def test_the_latest_conversations_are_kept(store: SessionStore) -> None:
    for number in range(2 * LATEST):
        now = time.time() - 100 + number
        put(store, "u1", talked(f"once-{number}", last_used=now))
        put(store, "u1", talked(f"more-{number}", turns=2, last_used=now))
    found = ids(store, "u1")
    assert len(found) == 2 * LATEST
    assert {f"once-{n}" for n in range(LATEST, 2 * LATEST)} < set(found)
    assert {f"more-{n}" for n in range(LATEST, 2 * LATEST)} < set(found)
    assert found[0].endswith(f"-{2 * LATEST - 1}")


def test_the_last_thousand_digests_are_kept(store: SessionStore) -> None:
    long = TALKED.after(bytes(range(6)) * (KEPT + 5), b"", history=False, broke_off=False)
    assert (long.count, long.known, len(long.held)) == (KEPT + 9, KEPT + 9, 6 * KEPT)
    put(store, "u1", long)
    assert store.read("u1") == [long]


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


def test_a_forgotten_session_does_not_come_back(store: SessionStore) -> None:
    put(store, "u1")
    assert store.begin("u1", "h1", TALKED)
    assert store.begin("u1", "h2", None)
    assert store.delete("u1") == ["c1"]
    assert store.delete("u1") == []
    assert not store.finish("u1", "h1", TALKED)
    assert not store.finish("u1", "h2", talked("c2"))
    assert store.read("u1") == []
    put(store, "u1")


def test_old_conversations_are_purged(store: SessionStore) -> None:
    put(store, "old", talked(last_used=time.time() - 100))
    put(store, "new", talked(last_used=time.time()))
    put(store, "both", talked("c1", last_used=time.time() - 100))
    put(store, "both", talked("c2", last_used=time.time()))
    assert store.purge(50) == 2
    assert ids(store, "old") == []
    assert ids(store, "new") == ["c1"]
    assert ids(store, "both") == ["c2"]
    assert store.purge(50) == 0


def test_copies_share_their_sessions(store: SessionStore) -> None:
    put(store, "u1")
    assert copy.deepcopy(store) is store


@pytest.mark.parametrize("key", ["ü/日本", "a" * 500, "'; DROP TABLE x; --", " "])
def test_any_id_will_do(store: SessionStore, key: str) -> None:
    put(store, "dialogue", talked(key))
    assert ids(store, "dialogue") == [key]
    assert store.delete("dialogue") == [key]


def test_a_store_in_memory_travels_with_its_sessions() -> None:
    store = InMemorySessionStore(max_size=5, ttl=86_400)
    put(store, "u1")
    assert store.begin("u1", "held", TALKED)
    assert store.begin("u1", "new", None)
    travelled = pickle.loads(pickle.dumps(store))
    (found,) = travelled.read("u1")
    assert found == replace(TALKED, last_used=found.last_used)
    assert (travelled.max_size, travelled.ttl) == (5, 86_400)
    put(travelled, "u1")


def test_a_store_in_memory_is_bounded() -> None:
    store = InMemorySessionStore(max_size=3)
    for name in ("a", "b", "c"):
        put(store, name)
    put(store, "a")  # used again: b is now the oldest
    put(store, "d")
    assert [name for name in "abcd" if store.read(name)] == ["a", "c", "d"]
    with pytest.raises(ConfigurationError, match="max_size"):
        InMemorySessionStore(max_size=0)


def test_a_store_in_memory_forgets_after_a_while() -> None:
    store = InMemorySessionStore(ttl=10)
    put(store, "u1", talked(last_used=time.time() - 11))
    put(store, "u2", talked(last_used=time.time() - 9))
    assert store.read("u1") == []
    assert ids(store, "u2") == ["c1"]


def test_what_a_store_in_memory_forgot_takes_no_room() -> None:
    store = InMemorySessionStore(max_size=2, ttl=10)
    put(store, "live", talked(last_used=time.time()))
    put(store, "old", talked(last_used=time.time() - 11))
    assert store.read("old") == []
    put(store, "new", talked(last_used=time.time()))
    assert ids(store, "live") == ids(store, "new") == ["c1"]
