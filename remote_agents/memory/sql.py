"""Sessions in a database, shared by processes and machines, on SQLAlchemy."""

from __future__ import annotations

import logging
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from remote_agents import process
from remote_agents.database import column_of, engine_of, shown_address, sqlalchemy
from remote_agents.errors import ConversationError
from remote_agents.flow import DeadlineReached
from remote_agents.json_types import Arguments, JsonObject
from remote_agents.memory.connections import Connections, Patience
from remote_agents.memory.guesses import Guesses
from remote_agents.memory.history_matching import LATEST, Conversation
from remote_agents.memory.rows import conversation_of, moving_row, row_as_known, row_of, row_taken
from remote_agents.memory.sessions import kept
from remote_agents.memory.statements import Statements, create
from remote_agents.memory.store import SessionStore
from remote_agents.process import ProcessLock
from remote_agents.seconds import read_seconds

T = TypeVar("T")
logger = logging.getLogger(__name__)

_FAILED = (ConversationError, DeadlineReached)
_OF_PARENTS: list[object] = []
MOST_OWED = 10_000  # conversations


class SQLSessionStore(SessionStore):
    """Sessions in SQLite or PostgreSQL; several processes may share one.

    The tables are made when the store is. A turn takes its conversation by one atomic statement and
    gives it back by another; it reads before only if another process may have written. A process
    renews what it holds while it lives; what a dead one held is free when its lease has run out.
    The clocks of the machines should agree to a few seconds.

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
        self._opening = ProcessLock()
        self._patience = Patience()
        self.timely = self._database().is_sqlite

    def __repr__(self) -> str:
        url = getattr(self, "_url", None)  # of one that is half made there is none
        return f"SQLSessionStore({shown_address(sqlalchemy(), url) if url else ''})"

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
        database, now = self._database(), time.time()
        rows = database.rows("read", {"d": dialogue})
        found = [conversation_of(row, now) for row in rows]
        known = [each for each in found if each.conversation_id or each.busy_since is not None]
        if len(known) == len(found):  # else a dead process had begun one
            database.guesses.learn(dialogue, known)
        return known

    def guess(self, dialogue: str) -> Sequence[Conversation] | None:
        """What this process read or wrote last of a dialogue."""
        database = self._opened
        if database is None or database.pid != process.pid or self._owes(dialogue):
            return None
        return database.guesses.of(dialogue)

    def begin(
        self,
        dialogue: str,
        holder: str,
        conversation: Conversation | None,
        *,
        alone: bool = False,
        known: Sequence[Conversation] | None = None,
    ) -> bool:
        """Take a conversation in one statement, if no other lease on it runs."""
        database, now = self._database(), time.time()
        if conversation is None or known is None:
            name, row = "begin", row_taken(dialogue, holder, conversation, now, alone=alone)
        else:
            name, row = "begin_as_known", row_as_known(dialogue, conversation, known)
        lease = {"holder": holder, "since": now, "until": now + self.lease}
        try:
            taken = database.count(name, {**row, **lease}) > 0
        except _FAILED:
            self._owe(dialogue, holder, None)  # it may have been taken, and the word of it lost
            raise
        if taken:
            database.guesses.begin(dialogue, holder, conversation)
            database.leases.hold(holder, dialogue)
        elif known is not None:
            database.guesses.was_wrong(dialogue)
        return taken

    def finish(self, dialogue: str, holder: str, conversation: Conversation | None) -> bool:
        """Give it back by one statement, which is said again later if the database fails."""
        database = self._database()
        try:
            saved = _finish(database, dialogue, holder, conversation)
        except _FAILED:
            database.guesses.end(dialogue, holder, None)
            self._owe(dialogue, holder, conversation)
            raise
        many = database.guesses.end(dialogue, holder, conversation if saved else None)
        if saved and conversation and conversation.turns <= 2 and (many is None or many > LATEST):
            self._make_room(dialogue)
        return saved

    def _owe(self, dialogue: str, holder: str, conversation: Conversation | None) -> None:
        if len(self._owed) < MOST_OWED:
            self._owed[holder] = dialogue, conversation

    def _owes(self, dialogue: str) -> bool:
        return any(owed == dialogue for owed, _ in list(self._owed.values()))

    def _pay(self, dialogue: str) -> None:
        for holder, (owed, conversation) in list(self._owed.items()):
            if owed == dialogue:
                self._owed.pop(holder, None)
                self.finish(dialogue, holder, conversation)

    def _make_room(self, dialogue: str) -> None:
        known = [each for each in self.read(dialogue) if each.conversation_id]
        left = {each.conversation_id for each in kept(known, lambda each: each)}
        for each in known:
            if each.conversation_id not in left:
                name = column_of(each.conversation_id)
                self._database().count("forget", {"d": dialogue, "c": name})
                self._database().guesses.forget(dialogue)

    def delete(self, dialogue: str) -> list[str]:
        """Forget a dialogue; a turn that runs meanwhile does not bring it back."""
        known = [each.conversation_id for each in self.read(dialogue) if each.conversation_id]
        self._database().count("delete", {"d": dialogue})
        self._database().guesses.forget(dialogue)
        return known

    def purge(self, older_than: float) -> int:
        """Forget every conversation not used for `older_than` seconds and not held by anybody."""
        now = time.time()
        return self._database().count("purge", {"before": now - older_than, "now": now})

    def close(self) -> None:
        """Close the database connections; the next use opens them again."""
        with self._opening.here():
            database, self._opened = self._opened, None
        if database is not None:
            database.close()

    def _database(self) -> _Database:
        database = self._opened
        if database is None or database.pid != process.pid:
            with self._opening.here():
                database = self._opened
                if database is None or database.pid != process.pid:
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
        self.pid = process.pid
        self.engine = engine_of(sa, url, {"isolation_level": "AUTOCOMMIT", **engine_options})
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._patience = patience
        self._connections = Connections(sa, self.engine, patience)
        weakref.finalize(self, self._connections.close)
        self._statements = Statements(sa, self.engine.dialect, table_name)
        self._failures = (sa.exc.SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error)
        self.leases = _Heartbeat(self, lease)
        self.guesses = Guesses()
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
            if not self._beating:
                threading.Thread(target=self._beat, name="session-leases", daemon=True).start()
                self._beating = True
            self._keys[holder] = key

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


def _finish(
    database: _Database, dialogue: str, holder: str, conversation: Conversation | None
) -> bool:
    database.leases.drop(holder)
    mine = {"d": dialogue, "h": holder}
    if conversation is None:
        return database.count("drop", mine) + database.count("give_back", mine) > 0
    column = column_of(conversation.conversation_id)
    if conversation.turns == 1:  # it may be there already, if it was lost and made again
        database.count("replace", {**mine, "c": column})
    # What keeps its name is quicker to write.
    row = {**mine, "c": column, **moving_row(conversation)}
    goes_on = conversation.turns > 1 and database.count("go_on", row) > 0
    return goes_on or database.count("save", {**mine, **row_of(conversation)}) > 0


def _rebuild(url: str, lease: float, table: str, options: Arguments) -> SQLSessionStore:
    return SQLSessionStore(url, lease=lease, table=table, engine_options=options)
