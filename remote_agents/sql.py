"""Sessions in a database, shared by processes and machines, on SQLAlchemy."""

from __future__ import annotations

import threading
import time
from typing import Any

from remote_agents.conversation import Session, SessionStore
from remote_agents.errors import ConfigurationError

SCHEMA_VERSION = 1
COLUMNS = ("conversation_id", "last_reply", "turns", "seen", "created", "last_used")


class SQLSessionStore(SessionStore):
    """Sessions in SQLite or PostgreSQL; several processes may share one.

    The tables are made on first use. A turn takes its session by one atomic statement and gives it
    back by another, so that two processes that open a session at once take turns in one
    conversation. A process that dies keeps its session until its lease has run out.

    Args:
        url: An SQLAlchemy address, for example `sqlite:///sessions.db` or
            `postgresql+psycopg://user@host/db`.
        lease: Seconds after which the session of a process that died is free again (default 180).
            It is renewed while an answer arrives; keep it above `Timeout.first_event`.
        table: Name of the table (default `remote_agents_sessions`).
        engine_options: Passed to `sqlalchemy.create_engine`.

    Raises:
        ConfigurationError: SQLAlchemy or the driver is missing, the address cannot be read, or the
            table was made by a newer version.

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
        lease: float = 180.0,
        table: str = "remote_agents_sessions",
        engine_options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.lease = lease
        self._url = url
        self._table_name = table
        self._engine_options = dict(engine_options or {})
        self._prepared: Any = None
        self._preparing = threading.Lock()
        _sqlalchemy()

    def __repr__(self) -> str:
        return f"SQLSessionStore({_sqlalchemy().make_url(self._url)!r})"

    def __reduce__(self) -> Any:
        return _rebuild, (self._url, self.lease, self._table_name, self._engine_options)

    def __deepcopy__(self, memo: Any) -> SQLSessionStore:
        return self

    def acquire(self, key: str, holder: str, lease: float) -> Session | None:
        """Take the session in one statement; None if another holder's lease still runs."""
        statements = self._statements()
        now = time.time()
        row = {"key": key, "holder": holder, "until": now + lease, "now": now}
        with statements.engine.begin() as connection:
            found = connection.execute(statements.acquire, row).first()
        return None if found is None else _session(found)

    def release(self, key: str, holder: str, session: Session | None) -> bool:
        """Save and give back, if the lease is still ours."""
        statements = self._statements()
        values: dict[str, Any] = {"k": key, "h": holder}
        if session is not None:
            values |= {name: getattr(session, name) for name in COLUMNS}
            values["seen"] = ",".join(session.seen)
        statement = statements.give_back if session is None else statements.save
        with statements.engine.begin() as connection:
            return bool(connection.execute(statement, values).rowcount)

    def renew(self, key: str, holder: str, lease: float) -> bool:
        """Hold on for `lease` seconds from now."""
        statements = self._statements()
        values = {"k": key, "h": holder, "until": time.time() + lease}
        with statements.engine.begin() as connection:
            return bool(connection.execute(statements.renew, values).rowcount)

    def get(self, key: str) -> Session | None:
        """The session, if it has had a turn."""
        statements = self._statements()
        with statements.engine.begin() as connection:
            found = connection.execute(statements.get, {"k": key}).first()
        return None if found is None or not found.turns else _session(found)

    def delete(self, key: str) -> bool:
        """Forget a session; a turn that runs meanwhile does not bring it back."""
        statements = self._statements()
        with statements.engine.begin() as connection:
            return bool(connection.execute(statements.delete, {"k": key}).rowcount)

    def purge(self, older_than: float) -> int:
        """Forget every session not used for `older_than` seconds and not held by anybody."""
        statements = self._statements()
        now = time.time()
        with statements.engine.begin() as connection:
            purged = connection.execute(statements.purge, {"before": now - older_than, "now": now})
            return int(purged.rowcount)

    def close(self) -> None:
        """Close the database connections; the next use opens them again."""
        with self._preparing:
            prepared, self._prepared = self._prepared, None
        if prepared is not None:
            prepared.engine.dispose()

    def _statements(self) -> Any:
        if self._prepared is None:
            with self._preparing:
                if self._prepared is None:
                    self._prepared = _Statements(self._url, self._table_name, self._engine_options)
        return self._prepared


class _Statements:
    """The engine, the table and the statements, made once."""

    def __init__(self, url: str, table_name: str, engine_options: dict[str, Any]) -> None:
        sa = _sqlalchemy()
        self.engine = _engine(sa, url, engine_options)
        table = _table(sa, table_name)
        _create(sa, self.engine, table)
        mine = (table.c.key == sa.bindparam("k")) & (table.c.holder == sa.bindparam("h"))
        self.acquire = _acquire(sa, self.engine.dialect.name, table)
        self.give_back = table.update().where(mine).values(holder=None, lease_until=0.0)
        self.save = (
            table.update()
            .where(mine)
            .values(
                holder=None,
                lease_until=0.0,
                **{name: sa.bindparam(name) for name in COLUMNS if name != "created"},
            )
        )
        self.renew = table.update().where(mine).values(lease_until=sa.bindparam("until"))
        self.get = sa.select(table).where(table.c.key == sa.bindparam("k"))
        self.delete = table.delete().where(table.c.key == sa.bindparam("k"))
        self.purge = table.delete().where(
            (table.c.last_used <= sa.bindparam("before"))
            & (table.c.lease_until < sa.bindparam("now"))
        )


def _table(sa: Any, name: str) -> Any:
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("key", sa.String(512), primary_key=True),
        sa.Column("conversation_id", sa.String(512)),
        sa.Column("last_reply", sa.String(512)),
        sa.Column("turns", sa.Integer, nullable=False, default=0),
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
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(sa, parsed, options)
        return sa.create_engine(parsed, **{"pool_pre_ping": True, **options})
    except sa.exc.ArgumentError as error:
        raise ConfigurationError("SQLSessionStore: the url cannot be read.") from error
    except ImportError as error:
        raise ConfigurationError(
            f"SQLSessionStore: the database driver is missing ({error})."
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
    """Make the tables if they are missing; two processes may do so at once."""
    versions = sa.Table(
        f"{table.name}_version",
        table.metadata,
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    )
    for attempt in (1, 2):
        try:
            table.metadata.create_all(engine)
            break
        except sa.exc.DBAPIError:
            if attempt == 2:
                raise
    with engine.begin() as connection:
        statement = _insert(engine.dialect.name)(versions).values(version=SCHEMA_VERSION)
        connection.execute(statement.on_conflict_do_nothing())
        newest = connection.execute(sa.select(sa.func.max(versions.c.version))).scalar()
    if newest > SCHEMA_VERSION:
        raise ConfigurationError(
            f"The session table {table.name} was made by a newer version of remote-agents "
            f"(schema {newest}, known {SCHEMA_VERSION}); update the package."
        )


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
    try:
        import sqlalchemy
        from sqlalchemy import event, exc  # noqa: F401 - reached as attributes
    except ImportError as error:
        raise ConfigurationError(
            "SQLSessionStore needs SQLAlchemy: pip install 'remote-agents[sql]'."
        ) from error
    return sqlalchemy


def _rebuild(url: str, lease: float, table: str, options: dict[str, Any]) -> SQLSessionStore:
    return SQLSessionStore(url, lease=lease, table=table, engine_options=options)
