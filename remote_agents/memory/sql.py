"""Sessions in a database, shared by processes and machines, on SQLAlchemy."""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from remote_agents.database import column_of, engine_of, sqlalchemy
from remote_agents.errors import ConversationError
from remote_agents.flow import DeadlineReached
from remote_agents.json_types import Arguments, JsonObject
from remote_agents.memory.connections import Connections, Patience
from remote_agents.memory.history_matching import Conversation
from remote_agents.memory.sessions import kept
from remote_agents.memory.statements import Statements, create
from remote_agents.memory.store import SessionStore
from remote_agents.seconds import read_seconds

T = TypeVar("T")
logger = logging.getLogger(__name__)

_FAILED = (ConversationError, DeadlineReached)
_OF_PARENTS: list[object] = []
MOST_OWED = 10_000  # conversations


class SQLSessionStore(SessionStore):
    """Sessions in SQLite or PostgreSQL; several processes may share one.

    The tables are made when the store is. A turn takes its conversation by one atomic statement and
    gives it back by another. A process renews what it holds while it lives; what a dead one held is
    free when its lease has run out. The clocks of the machines should agree to a few seconds.

    Args:
        url: An SQLAlchemy address, for example `sqlite:///sessions.db` or
            `postgresql+psycopg://user@host/db`.
        lease: Seconds after which the session of a process that died is free again (default 60).
        table: Name of the table (default `remote_agents_conversations`).
        engine_options: Passed to `sqlalchemy.create_engine`.

    Raises:
        ConfigurationError: SQLAlchemy or the driver is missing, the address or the lease
            cannot be used, or the table was made by another version.
        ConversationError: The database cannot be used.

    Example:
        >>> store = SQLSessionStore("sqlite://")
        >>> store.read("u1")
        []
    """

    blocks = True

    def __init__(
        self,
        url: str,
        *,
        lease: float = 60.0,
        table: str = "remote_agents_conversations",
        engine_options: Arguments | None = None,
    ) -> None:
        super().__init__()
        self.lease = read_seconds("lease", lease)
        self._url = url
        self._table_name = table
        self._engine_options = dict(engine_options or {})
        self._owed: dict[str, tuple[str, Conversation | None]] = {}  # what could not be given back
        self._opened: _Database | None = None
        self._opening = threading.Lock()
        self._patience = Patience()
        self.timely = self._database().is_sqlite

    def __repr__(self) -> str:
        return f"SQLSessionStore({sqlalchemy().make_url(self._url)!r})"

    def __reduce__(self) -> Any:
        return _rebuild, (self._url, self.lease, self._table_name, self._engine_options)

    def secret(self) -> bytes:
        """What marks are sealed with; made once, when the tables were."""
        return self._database().secret

    def call_within(self, seconds: float, word: Callable[[], T]) -> T:
        """Call some of its methods; SQLite waits no longer for a process that holds the database.

        Raises:
            DeadlineReached: It waited so long.
        """
        return self._patience.call_within(seconds, word) if self.timely else word()

    def read(self, dialogue: str) -> list[Conversation]:
        """What is known of a dialogue, the latest used first."""
        if self._owed:
            self._pay(dialogue)
        rows = self._database().rows("read", {"d": dialogue})
        now = time.time()
        known = [_conversation(row, now) for row in rows]
        return [each for each in known if each.conversation_id or each.busy_since is not None]

    def begin(
        self,
        dialogue: str,
        holder: str,
        conversation: Conversation | None,
        *,
        alone: bool = False,
    ) -> bool:
        """Take a conversation in one statement, if no other lease on it runs."""
        database, now = self._database(), time.time()
        # Of the new ones that take their turn there is one; others have a name of their own.
        row = _row(conversation or Conversation("", created=now))
        row["last_used"] = now
        if conversation is None and not alone:
            row["conversation_id"] = f"?{holder}"
        lease = {"holder": holder, "since": now, "until": now + self.lease, "now": now}
        try:
            taken = database.count("begin", {"dialogue": dialogue, **row, **lease})
        except _FAILED:
            self._owe(dialogue, holder, None)  # it may have been taken, and the word of it lost
            raise
        if not taken:
            return False
        database.leases.hold(holder, dialogue)
        return True

    def finish(self, dialogue: str, holder: str, conversation: Conversation | None) -> bool:
        """Give it back by one statement, which is said again later if the database fails."""
        try:
            return self._finish(dialogue, holder, conversation)
        except _FAILED:
            self._owe(dialogue, holder, conversation)
            raise

    def _owe(self, dialogue: str, holder: str, conversation: Conversation | None) -> None:
        if len(self._owed) < MOST_OWED:
            self._owed[holder] = dialogue, conversation

    def _pay(self, dialogue: str) -> None:
        for holder, (owed, conversation) in list(self._owed.items()):
            if owed == dialogue:
                self._owed.pop(holder, None)
                self.finish(dialogue, holder, conversation)

    def _finish(self, dialogue: str, holder: str, conversation: Conversation | None) -> bool:
        database = self._database()
        database.leases.drop(holder)
        mine = {"d": dialogue, "h": holder}
        if conversation is None:
            return database.count("drop", mine) + database.count("give_back", mine) > 0
        if conversation.turns == 1:  # it may be there already, if it was lost and made again
            same = {"d": dialogue, "c": column_of(conversation.conversation_id), "h": holder}
            database.count("replace", same)
        row = {**mine, **_row(conversation)}
        row["c"] = row["conversation_id"]
        # What keeps its name is quicker to write.
        goes_on = conversation.turns > 1 and database.count("go_on", row) > 0
        saved = goes_on or database.count("save", row) > 0
        if saved and conversation.turns <= 2:
            self._make_room(database, dialogue)
        return saved

    def _make_room(self, database: _Database, dialogue: str) -> None:
        known = [each for each in self.read(dialogue) if each.conversation_id]
        left = {each.conversation_id for each in kept(known, lambda each: each)}
        for each in known:
            if each.conversation_id not in left:
                database.count("forget", {"d": dialogue, "c": column_of(each.conversation_id)})

    def delete(self, dialogue: str) -> list[str]:
        """Forget a dialogue; a turn that runs meanwhile does not bring it back."""
        known = [each.conversation_id for each in self.read(dialogue) if each.conversation_id]
        self._database().count("delete", {"d": dialogue})
        return known

    def purge(self, older_than: float) -> int:
        """Forget every conversation not used for `older_than` seconds and not held by anybody."""
        now = time.time()
        return self._database().count("purge", {"before": now - older_than, "now": now})

    def close(self) -> None:
        """Close the database connections; the next use opens them again."""
        with self._opening:
            database, self._opened = self._opened, None
        if database is not None:
            database.close()

    def _database(self) -> _Database:
        database = self._opened
        if database is None or database.pid != os.getpid():
            with self._opening:
                database = self._opened
                if database is None or database.pid != os.getpid():
                    if database is not None:  # the parent's: not even to be closed here
                        _OF_PARENTS.append(database)
                    database = _Database(
                        self._url,
                        self._table_name,
                        self._engine_options,
                        self.lease,
                        self._patience,
                    )
                    self._opened = database
        return database


class _Database:
    """The engine and the statements, made once in a process."""

    def __init__(
        self,
        url: str,
        table_name: str,
        engine_options: Arguments,
        lease: float,
        patience: Patience,
    ) -> None:
        sa = sqlalchemy()
        self.pid = os.getpid()
        self.engine = engine_of(sa, url, {"isolation_level": "AUTOCOMMIT", **engine_options})
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._patience = patience
        self._connections = Connections(sa, self.engine, patience)
        weakref.finalize(self, self._connections.close)
        self._statements = Statements(sa, self.engine.dialect, table_name)
        self._failures = (sa.exc.SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error)
        self.leases = _Heartbeat(self, lease)
        try:
            self.secret = create(sa, self.engine, self._statements.table, secrets.token_bytes(32))
        except BaseException as error:
            self.engine.dispose()
            if isinstance(error, self._failures):
                raise self._unusable(error) from error
            raise

    def close(self) -> None:
        """Close the connections; what is held is renewed no longer."""
        self.leases.stop()
        self._connections.close()

    def rows(self, name: str, values: JsonObject) -> Sequence[Any]:
        """The rows that a statement gives."""
        found: Sequence[Any] = self._run(name, values, lambda cursor: cursor.fetchall())
        return found

    def count(self, name: str, values: JsonObject) -> int:
        """How many rows a statement changed."""
        return int(self._run(name, values, lambda cursor: cursor.rowcount))

    def _run(self, name: str, values: JsonObject, result: Any) -> Any:
        try:
            return self._connections.run(*self._statements.prepared(name, values), result)
        except self._failures as error:
            if self._patience.is_over:
                raise DeadlineReached from None
            raise self._unusable(error) from error

    def _unusable(self, error: object) -> ConversationError:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        return ConversationError(
            f"The session store cannot be used: {said[0] if said else type(error).__name__}. "
            "Check the database and its address."
        )


class _Heartbeat:
    """Renews the leases that this process holds, by a thread that lives while there are any."""

    def __init__(self, database: _Database, lease: float) -> None:
        self._database = database
        self._lease = lease
        self._keys: dict[str, str] = {}
        self._lock = threading.RLock()
        self._beating = False
        self._stopped = threading.Event()

    def hold(self, holder: str, key: str) -> None:
        """Renew this holder's lease from now on."""
        with self._lock:
            self._keys[holder] = key
            if not self._beating:
                self._beating = True
                threading.Thread(target=self._beat, name="session-leases", daemon=True).start()

    def drop(self, holder: str) -> None:
        """Renew it no longer."""
        with self._lock:
            self._keys.pop(holder, None)

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def _beat(self) -> None:
        while not self._stopped.wait(self._lease / 3):
            until = time.time() + self._lease
            with self._lock:
                held = list(self._keys.items())
                if not held:
                    self._beating = False
                    return
            try:
                for holder, dialogue in held:
                    self._database.count("renew", {"d": dialogue, "h": holder, "until": until})
            except ConversationError as error:
                logger.warning("Leases of sessions could not be renewed: %s", error)


def _row(conversation: Conversation) -> JsonObject:
    name = conversation.conversation_id
    column = column_of(name)
    return {
        "conversation_id": column,
        "whole_id": None if column == name else json.dumps(name),
        "turns": conversation.turns,
        "count": conversation.count,
        "known": conversation.known,
        "held": conversation.held,
        "system": conversation.system,
        "history": conversation.history,
        "broke_off": conversation.broke_off,
        "ids": _ids_row(conversation),
        "created": conversation.created,
        "last_used": conversation.last_used,
    }


def _conversation(row: Sequence[Any], now: float) -> Conversation:
    column, whole, created, *moving, since, until = row
    turns, count, known, held, system, history, broke_off, ids, used = moving
    return Conversation(
        json.loads(whole) if whole else "" if column.startswith("?") else column,
        turns,
        count,
        known,
        bytes(held),
        bytes(system),
        bool(history),
        bool(broke_off),
        since if until >= now else None,
        0 < until < now,
        *_ids_in(ids),
        created,
        used,
    )


def _ids_row(conversation: Conversation) -> str | None:
    if not (conversation.ids or conversation.instructions):
        return None
    return json.dumps([conversation.ids, conversation.instructions])


def _ids_in(row: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ids, instructions = json.loads(row) if row else ((), ())
    return tuple(ids), tuple(instructions)


def _rebuild(url: str, lease: float, table: str, options: Arguments) -> SQLSessionStore:
    return SQLSessionStore(url, lease=lease, table=table, engine_options=options)
