"""What a bulk run has asked and learned, so that no question is asked twice.

A question is written down before it is asked and again when it is settled; one that was only asked
was in flight when its run was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from remote_agents.bulk.rows import Row
from remote_agents.errors import AgentConnectionError, ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection


T = TypeVar("T")


class JournalEntry(NamedTuple):
    """How often a question was asked, and its row; None while it is in flight."""

    asked: int
    row: Row | None


class Journal(Protocol):
    """Remembers the questions of a run by their keys."""

    def find(self, keys: Iterable[str]) -> dict[str, JournalEntry]:
        """What is known of some questions."""

    def ask(self, key: str, asked: int) -> bool:
        """Note that a question is about to be asked for this time, counted from 1.

        Returns:
            False if another run asks it, or has asked it, at this time.
        """

    def settle(self, row: Row) -> None:
        """Keep a row for good; one that says only that it is in flight covers no other."""

    def close(self) -> None:
        """Let others use it."""


def open_journal(path: str | os.PathLike[str], run: str) -> Journal:
    """A file of JSON lines, or a table of the database that an address names.

    Raises:
        ConfigurationError: The file is another run's, or is none of ours; the database cannot be
            used.
    """
    where = os.fspath(path)
    return SQLJournal(where, run) if "://" in where else FileJournal(where)


class FileJournal:
    """A file of JSON lines that one process writes: a line when asked, a line when settled."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._asked: dict[str, int] = {}
        self._rows: dict[str, int] = {}  # where in the file; rows themselves may not fit in memory
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written ({error.strerror}).") from error
        try:
            _lock_file(self._file, path)
            self._scan()
        except BaseException:
            self._file.close()
            raise

    def _scan(self) -> None:
        self._file.seek(0)
        at = 0
        for number, line in enumerate(self._file, 1):
            if _is_half(line, number):
                self._file.truncate(at)  # the last line of a run that was killed while writing it
                return
            if line.strip():
                self._note(self._parsed(line, number), at)
            at += len(line)
        if at and not line.endswith(b"\n"):  # an editor may have taken it away
            self._file.write(b"\n")

    def _parsed(self, line: bytes, number: int) -> Row:
        try:
            row = json.loads(line)
            return {"key": row["key"], "status": row["status"], "asked": row["asked"]}
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(
                f"{self._path}, line {number}, is not of a bulk run: give it a file of its own."
            ) from error

    def _note(self, row: Row, at: int) -> None:
        self._asked[row["key"]] = row["asked"]
        if row["status"] == "asked":
            self._rows.pop(row["key"], None)
        else:
            self._rows[row["key"]] = at

    def find(self, keys: Iterable[str]) -> dict[str, JournalEntry]:
        """What the file says of some questions."""
        with self._lock:
            return {
                key: JournalEntry(self._asked[key], self._read(self._rows.get(key)))
                for key in keys
                if key in self._asked
            }

    def _read(self, at: int | None) -> Row | None:
        if at is None:
            return None
        self._file.seek(at)
        row: Row = json.loads(self._file.readline())
        return row

    def ask(self, key: str, asked: int) -> bool:
        """Note it on the disk itself, so that not even a power cut makes it be asked again."""
        self._write({"key": key, "status": "asked", "asked": asked}, to_disk=True)
        return True

    def settle(self, row: Row) -> None:
        """Keep a row, where a kill of this process does not reach it."""
        self._write(row)

    def _write(self, row: Row, *, to_disk: bool = False) -> None:
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            at = self._file.seek(0, os.SEEK_END)
            try:
                self._file.write(line)
                self._file.flush()
                if to_disk:  # under the lock, as a line can be cut off while it is the last
                    os.fsync(self._file.fileno())
            except OSError as error:
                self._file = _cut_at(self._file, at)
                raise AgentConnectionError(f"{self._path} cannot be written ({error}).") from error
            self._note(row, at)

    def close(self) -> None:
        """Let another run use the file."""
        self._file.close()


def _cut_at(file: Any, size: int) -> Any:
    """The same file without a line that could not be written whole, and nothing kept of it."""
    again = os.fdopen(os.dup(file.fileno()), "a+b")
    with contextlib.suppress(OSError):
        os.ftruncate(again.fileno(), size)
    with contextlib.suppress(OSError):  # it tries once more to write what it keeps
        file.raw.close()
    return again


def _is_half(line: bytes, number: int) -> bool:
    """Whether a last line is the beginning of one of ours, or what a power cut leaves: zeros."""
    if line.endswith(b"\n"):
        return False
    try:
        json.loads(line)
    except ValueError:
        begun = line.rstrip(b"\0")
        return begun.startswith(_BEGIN) or (number > 1 and _BEGIN.startswith(begun))
    return False


_BEGIN = b'{"key"'
BEYOND = 2**31 - 2
"""Windows locks a byte, which others cannot read meanwhile: one that no journal has."""


def _lock_file(file: object, path: str) -> None:
    try:
        _lock(file)
    except OSError as error:
        raise ConfigurationError(
            f"{path} is being written by another run. "
            "In a notebook, first close the rows of an interrupted cell: rows.close()"
        ) from error


def _lock(file: Any) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(BEYOND)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class SQLJournal:
    """A table in PostgreSQL or SQLite that the workers of a run share.

    A question is taken by one statement, so of several workers one asks it. A database that is away
    for some seconds is asked again.
    """

    def __init__(self, url: str, run: str) -> None:
        from remote_agents.database import column_of, create_table, engine_of, sqlalchemy

        self._sa = sa = sqlalchemy()
        self._column = column_of
        self._run = column_of(run)
        self._me = uuid.uuid4().hex
        self._engine = engine_of(sa, url, {"isolation_level": "AUTOCOMMIT"})
        self._table = sa.Table(
            "remote_agents_bulk",
            sa.MetaData(),
            sa.Column("run", sa.String(512), primary_key=True),
            sa.Column("key", sa.String(512), primary_key=True),
            sa.Column("asked", sa.Integer, nullable=False),
            sa.Column("asker", sa.String(64), nullable=False),
            sa.Column("row", sa.Text),
        )
        try:
            create_table(sa, self._engine, self._table)
        except sa.exc.DBAPIError as error:
            raise ConfigurationError(
                f"The database of the run cannot be used: {_first_line(error)}"
            ) from error
        self._ask, self._keep = self._statements()

    def _statements(self) -> tuple[Any, Any]:
        """What takes a question, and what keeps its row."""
        from remote_agents.database import insert_into

        table = self._table
        insert = insert_into(self._engine.dialect.name)(table)
        given = insert.excluded
        mine = (table.c.asked == given.asked) & (table.c.asker == given.asker)

        def or_update(where: object) -> Any:
            return insert.on_conflict_do_update(
                index_elements=[table.c.run, table.c.key],
                set_={name: given[name] for name in ("asked", "asker", "row")},
                where=where,
            )

        # Mine: it was taken, and the word of it lost.
        taken = or_update((table.c.asked == given.asked - 1) | (mine & table.c.row.is_(None)))
        return taken, or_update(table.c.row.is_(None) | (table.c.asked <= given.asked))

    def find(self, keys: Iterable[str]) -> dict[str, JournalEntry]:
        """What the table says of some questions."""
        table, wanted = self._table, {self._column(key): key for key in keys}
        query = self._sa.select(table.c.key, table.c.asked, table.c.row).where(
            table.c.run == self._run, table.c.key.in_(list(wanted))
        )
        found = self._execute(lambda connection: connection.execute(query).all())
        return {
            wanted[key]: JournalEntry(asked, None if row is None else json.loads(row))
            for key, asked, row in found
        }

    def ask(self, key: str, asked: int) -> bool:
        """Take it, for every worker to see."""
        return self._put(self._ask, key, asked, None)

    def settle(self, row: Row) -> None:
        """Keep a row for good."""
        statement = self._keep
        if row["status"] == "in_flight":
            table = self._table
            statement = table.update().where(
                table.c.run == self._run,
                table.c.key == self._column(row["key"]),
                table.c.asked == row["asked"],
                table.c.row.is_(None),
            )
        self._put(statement, row["key"], row["asked"], json.dumps(row))

    def _put(self, statement: Any, key: str, asked: int, row: str | None) -> bool:
        values = {"run": self._run, "key": self._column(key), "asked": asked, "row": row}
        values["asker"] = self._me
        counting = statement.values(values).execution_options(preserve_rowcount=True)
        return bool(self._execute(lambda c: c.execute(counting).rowcount) > 0)

    def _execute(self, work: Callable[[Connection], T]) -> T:
        for pause in PAUSES:
            with contextlib.suppress(self._sa.exc.SQLAlchemyError):
                return self._at_once(work)
            time.sleep(pause)
        try:
            return self._at_once(work)
        except self._sa.exc.SQLAlchemyError as error:
            raise AgentConnectionError(
                f"The database of the run cannot be used ({_first_line(error)}); nothing is lost "
                "of what it holds. Run the same again when it is back."
            ) from error

    def _at_once(self, work: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return work(connection)

    def close(self) -> None:
        """Close the database connections."""
        self._engine.dispose()


PAUSES = (0.2, 1.0, 4.0, 10.0)  # seconds before a database that failed is asked again


def _first_line(error: object) -> str:
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
