"""Sessions in a database, shared by processes and machines, on SQLAlchemy."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from typing import Any

from remote_agents.errors import ConfigurationError, ConversationError
from remote_agents.extras import MissingExtraError, needs, require
from remote_agents.memory.sessions import Session, SessionStore

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1
KEY_LENGTH = 512
COLUMNS = ("conversation_id", "last_reply", "turns", "seen", "last_used")


class SQLSessionStore(SessionStore):
    """Sessions in SQLite or PostgreSQL; several processes may share one.

    The tables are made on first use. A turn takes its session by one atomic statement and gives it
    back by another, so that two processes that open a session at once take turns in one
    conversation. A process renews what it holds while it lives; what a dead one held is free when
    its lease has run out. The clocks of the machines should agree to a few seconds.

    Args:
        url: An SQLAlchemy address, for example `sqlite:///sessions.db` or
            `postgresql+psycopg://user@host/db`.
        lease: Seconds after which the session of a process that died is free again (default 60).
        table: Name of the table (default `remote_agents_sessions`).
        engine_options: Passed to `sqlalchemy.create_engine`.

    Raises:
        ConfigurationError: SQLAlchemy or the driver is missing, the address cannot be read, or the
            table was made by a newer version.
        ConversationError: The database cannot be used.

    Example:
        >>> store = SQLSessionStore("sqlite://")
        >>> store.get("u1") is None
        True
    """

    blocks = True

    def __init__(
        self,
        url: str,
        *,
        lease: float = 60.0,
        table: str = "remote_agents_sessions",
        engine_options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if lease <= 0:
            raise ConfigurationError("lease must be more than 0 seconds.")
        self.lease = lease
        self._url = url
        self._table_name = table
        self._engine_options = dict(engine_options or {})
        self._opened: _Database | None = None
        self._opening = threading.Lock()
        _sqlalchemy()

    def __repr__(self) -> str:
        return f"SQLSessionStore({_sqlalchemy().make_url(self._url)!r})"

    def __reduce__(self) -> Any:
        return _rebuild, (self._url, self.lease, self._table_name, self._engine_options)

    def acquire(self, key: str, holder: str) -> Session | None:
        """Take the session in one statement; None if another holder's lease still runs."""
        database, key, now = self._database(), _fitting(key), time.time()
        values = {"key": key, "holder": holder, "until": now + self.lease, "now": now}
        found = database.first("acquire", values)
        if found is None:
            return None
        database.leases.hold(holder, key)
        return _session(found)

    def release(self, key: str, holder: str, session: Session | None) -> bool:
        """Save and give back, if the lease is still ours."""
        database = self._database()
        database.leases.drop(holder)
        values: dict[str, Any] = {"k": _fitting(key), "h": holder}
        if session is None:
            return bool(database.count("give_back", values))
        values |= {name: getattr(session, name) for name in COLUMNS}
        values["seen"] = ",".join(session.seen)
        return bool(database.count("save", values))

    def get(self, key: str) -> Session | None:
        """The session, if it has had a turn."""
        found = self._database().first("get", {"k": _fitting(key)})
        return None if found is None or found.conversation_id is None else _session(found)

    def delete(self, key: str) -> bool:
        """Forget a session; a turn that runs meanwhile does not bring it back."""
        return bool(self._database().count("delete", {"k": _fitting(key)}))

    def purge(self, older_than: float) -> int:
        """Forget every session not used for `older_than` seconds and not held by anybody."""
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
                    # After a fork, the parent's connections are left to the parent.
                    database = _Database(
                        self._url, self._table_name, self._engine_options, self.lease
                    )
                    self._opened = database
        return database


class _Database:
    """The engine and the statements, made once in a process."""

    def __init__(
        self, url: str, table_name: str, engine_options: dict[str, Any], lease: float
    ) -> None:
        sa = _sqlalchemy()
        self.pid = os.getpid()
        self.engine = _engine(sa, url, {"isolation_level": "AUTOCOMMIT", **engine_options})
        table = _table(sa, table_name)
        self._failure = sa.exc.SQLAlchemyError
        self._statements = _statements(sa, self.engine.dialect.name, table)
        self.leases = _Heartbeat(self, lease)
        try:
            _create(sa, self.engine, table)
        except BaseException as error:
            self.engine.dispose()
            if isinstance(error, self._failure):
                raise self._unusable(error) from error
            raise

    def close(self) -> None:
        """Close the connections; what is held is renewed no longer."""
        self.leases.stop()
        self.engine.dispose()

    def first(self, name: str, values: dict[str, Any]) -> Any:
        """The first row of a statement."""
        try:
            with self.engine.connect() as connection:
                return connection.execute(self._statements[name], values).first()
        except self._failure as error:
            raise self._unusable(error) from error

    def count(self, name: str, values: Any) -> int:
        """How many rows a statement changed, for one or several sets of values."""
        try:
            with self.engine.connect() as connection:
                return int(connection.execute(self._statements[name], values).rowcount)
        except self._failure as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Any) -> ConversationError:
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
                rows = [{"k": key, "h": h, "until": until} for h, key in self._keys.items()]
                if not rows:
                    self._beating = False
                    return
            try:
                self._database.count("renew", rows)
            except ConversationError as error:
                logger.warning("Leases of sessions could not be renewed: %s", error)


def _statements(sa: Any, dialect: str, table: Any) -> dict[str, Any]:
    key = table.c.key == sa.bindparam("k")
    mine = key & (table.c.holder == sa.bindparam("h"))
    free = {"holder": None, "lease_until": 0.0}
    old = table.c.last_used <= sa.bindparam("before")
    return {
        "acquire": _acquire(sa, dialect, table),
        "give_back": table.update().where(mine).values(free),
        "save": table.update()
        .where(mine)
        .values({**free, **{name: sa.bindparam(name) for name in COLUMNS}}),
        "renew": table.update().where(mine).values(lease_until=sa.bindparam("until")),
        "get": sa.select(table).where(key),
        "delete": table.delete().where(key),
        "purge": table.delete().where(old & (table.c.lease_until < sa.bindparam("now"))),
    }


def _table(sa: Any, name: str) -> Any:
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("key", sa.String(KEY_LENGTH), primary_key=True),
        sa.Column("conversation_id", sa.String(512)),
        sa.Column("last_reply", sa.String(512)),
        sa.Column("turns", sa.Integer),
        sa.Column("seen", sa.Text, nullable=False, default=""),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("last_used", sa.Float, nullable=False, index=True),
        sa.Column("holder", sa.String(64)),
        sa.Column("lease_until", sa.Float, nullable=False, default=0.0),
    )


def _acquire(sa: Any, dialect: str, table: Any) -> Any:
    """Insert the session, or take it over if nobody's lease runs; returns it, or no row."""
    insert = _insert(dialect)(table).values(
        key=sa.bindparam("key"),
        turns=0,
        seen="",
        created=sa.bindparam("now"),
        last_used=sa.bindparam("now"),
        holder=sa.bindparam("holder"),
        lease_until=sa.bindparam("until"),
    )
    return insert.on_conflict_do_update(
        index_elements=[table.c.key],
        set_={"holder": insert.excluded.holder, "lease_until": insert.excluded.lease_until},
        where=table.c.lease_until < sa.bindparam("now"),
    ).returning(*table.c)


def _insert(dialect: str) -> Any:
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert
    raise ConfigurationError(f"SQLSessionStore works on SQLite and PostgreSQL, not on {dialect}.")


def _engine(sa: Any, url: str, options: dict[str, Any]) -> Any:
    try:
        parsed = sa.make_url(url)
        _insert(parsed.get_backend_name())
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(sa, parsed, options)
        return sa.create_engine(parsed, **{"pool_pre_ping": True, **options})
    except sa.exc.ArgumentError as error:
        raise ConfigurationError("SQLSessionStore: the url cannot be read.") from error
    except ImportError as error:
        raise MissingExtraError(
            needs("SQLSessionStore", "postgres", f"the driver of its database ({error})")
        ) from error


def _sqlite_engine(sa: Any, url: Any, options: dict[str, Any]) -> Any:
    if url.database in (None, "", ":memory:"):
        from sqlalchemy.pool import StaticPool

        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}, **options}
    else:
        options = {"connect_args": {"timeout": 30}, **options}
    engine = sa.create_engine(url, **options)
    sa.event.listen(engine, "connect", _configure_sqlite)
    return engine


def _configure_sqlite(connection: Any, _: Any) -> None:
    # A lost lease after a power cut costs nothing, so the log need not be flushed each time.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _create(sa: Any, engine: Any, table: Any) -> None:
    """Make the tables if they are missing; several processes may do so at once."""
    versions = sa.Table(
        f"{table.name}_version",
        table.metadata,
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    )
    for attempt in range(5):
        try:
            table.metadata.create_all(engine)
            break
        except sa.exc.DBAPIError:  # another process has just made one of them
            if attempt == 4:
                raise
            time.sleep(0.05)
    with engine.begin() as connection:
        statement = _insert(engine.dialect.name)(versions).values(version=SCHEMA_VERSION)
        connection.execute(statement.on_conflict_do_nothing())
        newest = connection.execute(sa.select(sa.func.max(versions.c.version))).scalar()
    if newest > SCHEMA_VERSION:
        raise ConfigurationError(
            f"The session table {table.name} was made by a newer version of remote-agents "
            f"(schema {newest}, known {SCHEMA_VERSION}); update the package."
        )


def _fitting(key: str) -> str:
    """A key that fits its column, and is still the only one of its kind."""
    if len(key) <= KEY_LENGTH and "\0" not in key:
        return key
    return hashlib.blake2s(key.encode("utf-8", "replace")).hexdigest()


def _session(row: Any) -> Session:
    return Session(
        conversation_id=row.conversation_id,
        last_reply=row.last_reply,
        turns=row.turns,
        seen=tuple(row.seen.split(",")) if row.seen else (),
        created=row.created,
        last_used=row.last_used,
    )


def _sqlalchemy() -> Any:
    require("SQLSessionStore", "sql", "sqlalchemy")
    import sqlalchemy
    from sqlalchemy import event, exc  # noqa: F401 - reached as attributes

    return sqlalchemy


def _rebuild(url: str, lease: float, table: str, options: dict[str, Any]) -> SQLSessionStore:
    return SQLSessionStore(url, lease=lease, table=table, engine_options=options)
