"""The database engine, for whoever keeps something in SQL."""

from __future__ import annotations

import hashlib
import re
import time
from types import ModuleType
from typing import TYPE_CHECKING, Any

from remote_agents.errors import ConfigurationError
from remote_agents.extras import MissingExtraError, needs, require
from remote_agents.json_types import Arguments

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine, Table


def sqlalchemy() -> ModuleType:
    """SQLAlchemy.

    Raises:
        ConfigurationError: It is not installed.
    """
    require("SQLSessionStore", "sql", "sqlalchemy")
    import sqlalchemy
    from sqlalchemy import event, exc  # noqa: F401 - reached as attributes

    return sqlalchemy


def insert_into(dialect: str) -> Any:
    """The dialect's own `insert`, which knows what to do on a conflict."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert
    raise ConfigurationError(f"Only SQLite and PostgreSQL can be used, not {dialect}.")


def create_table(sa: ModuleType, engine: Engine, table: Table) -> None:
    """Make a table if it is missing; several processes may do so at once.

    Raises:
        DBAPIError: Of SQLAlchemy, the database cannot be used.
    """
    for attempt in range(5):
        try:
            table.create(engine, checkfirst=True)
            return
        except sa.exc.DBAPIError:  # another process has just made it
            if attempt == 4:
                raise
            time.sleep(0.05)


def column_of(name: str) -> str:
    """A name as every database can hold it in a key of 512 characters: itself, or its digest."""
    if len(name) <= LONGEST_NAME and _PLAIN.fullmatch(name):
        return name
    return f"?{hashlib.blake2s(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


LONGEST_NAME = 400
_PLAIN = re.compile("(?:[^?\0\ud800-\udfff][^\0\ud800-\udfff]*)?")


def engine_of(sa: ModuleType, url: str, options: Arguments) -> Engine:
    """The engine of an address.

    Raises:
        ConfigurationError: It cannot be read, or its driver is missing.
    """
    try:
        parsed = sa.make_url(url)
        _refuse_others(parsed)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(sa, parsed, options)
        engine: Engine = sa.create_engine(parsed, **_postgresql_options(parsed, options))
        return engine
    except ConfigurationError:
        raise
    except (sa.exc.ArgumentError, ValueError):  # which show the address, or part of it
        raise ConfigurationError(
            "The address of the database cannot be read: it is one of SQLAlchemy, such as "
            "sqlite:///sessions.db or postgresql+psycopg://user@host/db. A @, : or / in a password "
            "is written %40, %3A or %2F."
        ) from None
    except ImportError as error:
        driver = f"the driver of its database ({error}; psycopg's is postgresql+psycopg://)"
        raise MissingExtraError(needs("SQLSessionStore", "postgres", driver)) from error


def _refuse_others(url: URL) -> None:
    """Refuse what names another database, or a driver that only asyncio can use."""
    backend = url.get_backend_name()
    if backend == "postgres":
        raise ConfigurationError("SQLAlchemy knows no postgres://: write postgresql+psycopg://.")
    insert_into(backend)
    if url.get_dialect().is_async:
        write = "sqlite://" if backend == "sqlite" else "postgresql+psycopg://"
        raise ConfigurationError(
            f"{url.drivername}:// is for asyncio alone, and blocking calls use the same database: "
            f"write {write}."
        )


def shown_address(sa: ModuleType, url: str) -> str:
    """An address without its password, and without the values of its query, which may hold one."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return "?"
    plain: str = parsed.set(query={}).render_as_string(hide_password=True)
    query = "&".join(f"{name}=***" for name in parsed.query)
    return f"{plain}?{query}" if query else plain


def _postgresql_options(url: URL, options: Arguments) -> Arguments:
    """None of its waits is without end: for a place in the pool, a connection, a dead host."""
    arguments = dict(options.get("connect_args") or {})
    if "psycopg" in url.drivername:
        arguments = {**_LIBPQ, **arguments}
    return {"pool_pre_ping": True, "pool_timeout": WAIT, **options, "connect_args": arguments}


WAIT = 10  # seconds
_LIBPQ = {
    "connect_timeout": WAIT,
    "keepalives_idle": WAIT,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 1000 * WAIT,
}


def _sqlite_engine(sa: ModuleType, url: URL, options: Arguments) -> Engine:
    if url.database in (None, "", ":memory:"):
        from sqlalchemy.pool import StaticPool

        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}, **options}
    else:
        given = {} if "timeout" in url.query else {"timeout": 30}
        options = {"connect_args": given, **options}
    engine: Engine = sa.create_engine(url, **options)
    sa.event.listen(engine, "connect", _configure_sqlite)
    return engine


def _configure_sqlite(connection: Any, _: Any) -> None:
    # Of a new file: each turn writes a whole page, and a dialogue of a hundred turns fits in one.
    connection.execute("PRAGMA page_size=2048")
    # A lost lease after a power cut costs nothing, so the log need not be flushed each time.
    _keep_a_log(connection)
    connection.execute("PRAGMA synchronous=NORMAL")


def _keep_a_log(connection: Any) -> None:
    """Wait as long as for any statement: where two processes ask at once, SQLite refuses one."""
    (most,) = connection.execute("PRAGMA busy_timeout").fetchone()  # milliseconds
    ends = time.monotonic() + most / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except connection.OperationalError:
            if time.monotonic() >= ends:
                raise
            time.sleep(0.01)
