"""Connections to a database of sessions: where they are kept, and how long they wait."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from remote_agents import process

if TYPE_CHECKING:
    from sqlalchemy import Engine

T = TypeVar("T")
MOST_KEPT = 16  # connections
CLOSE = 50  # milliseconds that a wait may be longer than asked, so that it is seldom set anew


class Patience(threading.local):
    """How long SQLite waits in each thread while another process holds the database.

    It is as long as a connection was told when it was made, or less.
    """

    _ends = math.inf

    def call_within(self, seconds: float, word: Callable[[], T]) -> T:
        """Call a function, in which no statement waits longer than until then."""
        before, self._ends = self._ends, time.monotonic() + seconds
        try:
            return word()
        finally:
            self._ends = before

    @property
    def is_over(self) -> bool:
        """Whether there is no time left to wait."""
        return time.monotonic() >= self._ends

    def watch(self, sa: ModuleType, engine: Engine) -> None:
        """Tell each connection that SQLAlchemy gives."""
        sa.event.listen(engine, "connect", self._tell, insert=True)  # before it says a word
        sa.event.listen(engine, "checkout", self._tell)

    def _tell(self, connection: Any, record: Any, _: Any = None) -> None:
        self.tell(connection, record.info)

    def tell(self, connection: Any, info: dict[Any, Any]) -> None:
        """Tell a connection how long to wait from now on.

        Args:
            connection: Of `sqlite3`.
            info: What is known of it.
        """
        most, now = info.get(Patience) or _timeouts(connection)
        left = math.ceil(min(most, max(0.0, 1000 * (self._ends - time.monotonic()))))
        if not left <= now <= left + CLOSE:
            connection.execute(f"PRAGMA busy_timeout={left}")
            now = left
        info[Patience] = most, now


def _timeouts(connection: Any) -> tuple[int, int]:
    """What a new connection waits in milliseconds, at most and now."""
    (most,) = connection.execute("PRAGMA busy_timeout").fetchone()
    return most, most


class Connections:
    """The connections of an engine.

    Those to a file of SQLite are kept here: SQLAlchemy's pool takes as long as a statement.
    """

    def __init__(self, sa: ModuleType, engine: Engine, patience: Patience) -> None:
        self._engine = engine
        self._patience = patience
        self._pid = process.pid
        self._kept: list[tuple[Any, dict[Any, Any]]] = []
        self._most = 0
        self._over = False
        if engine.dialect.name == "sqlite":
            patience.watch(sa, engine)
            if isinstance(engine.pool, sa.pool.QueuePool):
                self._most = MOST_KEPT

    def run(self, text: str, values: Any, result: Callable[[Any], T]) -> T:
        """Run a statement on the driver itself, which costs a fraction of SQLAlchemy's way."""
        return (self._run_kept if self._most else self._run_pooled)(text, values, result)

    def _run_pooled(self, text: str, values: Any, result: Callable[[Any], T]) -> T:
        pool = self._engine.pool
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(text, values)
            found = result(cursor)
            cursor.close()
            connection.commit()
            return found
        finally:
            connection.close()
            if self._over:  # closed meanwhile, when the pool did not have this one
                pool.dispose()

    def _run_kept(self, text: str, values: Any, result: Callable[[Any], T]) -> T:
        connection, info = self._take_connection()
        try:
            found = result(connection.execute(text, values))
            connection.commit()
        except BaseException:
            connection.close()
            raise
        self._kept.append((connection, info))
        if len(self._kept) > self._most:
            self._close_one()
        return found

    def _take_connection(self) -> tuple[Any, dict[Any, Any]]:
        try:
            connection, info = self._kept.pop()
        except IndexError:
            pooled = self._engine.raw_connection()
            connection, info = pooled.dbapi_connection, pooled.info
            pooled.detach()
        else:
            self._patience.tell(connection, info)
        return connection, info

    def _close_one(self) -> None:
        try:
            connection, _ = self._kept.pop()
        except IndexError:
            return
        connection.close()

    def close(self) -> None:
        """Close them; those of a parent process are left to it."""
        if self._pid != process.pid:
            return
        self._over, self._most = True, 0
        while self._kept:
            self._close_one()
        self._engine.dispose()
