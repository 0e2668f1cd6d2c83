"""What a bulk run has asked and learned, so that no question is asked twice.

A question is written down before it is asked and again when it is settled; one that was only asked
was in flight when its run was killed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from remote_agents.errors import ConfigurationError

Row = dict[str, Any]


class Known(NamedTuple):
    """How often a question was asked, and its row; None while it is in flight."""

    asked: int
    row: Row | None


class Journal(Protocol):
    """Remembers the questions of a run by their keys."""

    def find(self, keys: Iterable[str]) -> dict[str, Known]:
        """What is known of some questions."""

    def ask(self, key: str, asked: int) -> None:
        """Note that a question is about to be asked for this time, counted from 1."""

    def settle(self, row: Row) -> None:
        """Keep a row for good."""

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

    def find(self, keys: Iterable[str]) -> dict[str, Known]:
        """What the file says of some questions."""
        with self._lock:
            return {
                key: Known(self._asked[key], self._read(self._rows.get(key)))
                for key in keys
                if key in self._asked
            }

    def _read(self, at: int | None) -> Row | None:
        if at is None:
            return None
        self._file.seek(at)
        row: Row = json.loads(self._file.readline())
        return row

    def ask(self, key: str, asked: int) -> None:
        """Note it on the disk itself, so that not even a power cut makes it be asked again."""
        self._write({"key": key, "status": "asked", "asked": asked})
        os.fsync(self._file.fileno())

    def settle(self, row: Row) -> None:
        """Keep a row, where a kill of this process does not reach it."""
        self._write(row)

    def _write(self, row: Row) -> None:
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with self._lock:
            at = self._file.seek(0, os.SEEK_END)
            self._file.write(line)
            self._file.flush()
            self._note(row, at)

    def close(self) -> None:
        """Let another run use the file."""
        self._file.close()


def _is_half(line: bytes, number: int) -> bool:
    """Whether a last line is the beginning of one of ours."""
    if line.endswith(b"\n"):
        return False
    try:
        json.loads(line)
    except ValueError:
        return line.startswith(_BEGIN) or (number > 1 and _BEGIN.startswith(line))
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

    A key belongs to one worker at a time, which the engine that hands out the work sees to.
    """

    def __init__(self, url: str, run: str) -> None:
        from remote_agents.database import engine_of, insert_into, sqlalchemy

        self._sa = sa = sqlalchemy()
        self._run = run
        self._engine = engine_of(sa, url, {"isolation_level": "AUTOCOMMIT"})
        self._table = table = sa.Table(
            "remote_agents_bulk",
            sa.MetaData(),
            sa.Column("run", sa.String(200), primary_key=True),
            sa.Column("key", sa.String(200), primary_key=True),
            sa.Column("asked", sa.Integer, nullable=False),
            sa.Column("row", sa.Text),
        )
        _create_all(sa, table, self._engine)
        insert = insert_into(self._engine.dialect.name)(table)
        self._upsert = insert.on_conflict_do_update(
            index_elements=[table.c.run, table.c.key],
            set_={"asked": insert.excluded.asked, "row": insert.excluded.row},
        )

    def find(self, keys: Iterable[str]) -> dict[str, Known]:
        """What the table says of some questions."""
        table, wanted = self._table, list(keys)
        query = self._sa.select(table.c.key, table.c.asked, table.c.row).where(
            table.c.run == self._run, table.c.key.in_(wanted)
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).all()
        return {
            key: Known(asked, None if row is None else json.loads(row)) for key, asked, row in found
        }

    def ask(self, key: str, asked: int) -> None:
        """Note it for every worker to see."""
        self._put(key, asked, None)

    def settle(self, row: Row) -> None:
        """Keep a row for good."""
        self._put(row["key"], row["asked"], json.dumps(row))

    def _put(self, key: str, asked: int, row: str | None) -> None:
        values = {"run": self._run, "key": key, "asked": asked, "row": row}
        with self._engine.begin() as connection:
            connection.execute(self._upsert, values)

    def close(self) -> None:
        """Close the database connections."""
        self._engine.dispose()


def _create_all(sa: Any, table: Any, engine: Any) -> None:
    try:
        table.metadata.create_all(engine)
    except sa.exc.DBAPIError:  # another worker was creating it at the same moment
        try:
            table.metadata.create_all(engine)
        except sa.exc.DBAPIError as error:
            said = str(error.orig).partition("\n")[0]
            raise ConfigurationError(f"The database of the run cannot be used: {said}") from error
