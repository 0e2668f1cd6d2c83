"""Conversations, messages, feedback and files in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from typing import Any

from remote_agents.sandbox.serving.wire import new_id

Row = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT NOT NULL, endpoint TEXT NOT NULL, agent TEXT NOT NULL, title TEXT NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, extra TEXT NOT NULL, lost INTEGER NOT NULL,
    PRIMARY KEY (endpoint, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, endpoint TEXT NOT NULL, agent TEXT NOT NULL,
    conversation TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL, created REAL NOT NULL,
    reply_to TEXT, citations TEXT NOT NULL, extra TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_of ON messages (endpoint, conversation, seq);
CREATE INDEX IF NOT EXISTS messages_by_id ON messages (id);
CREATE INDEX IF NOT EXISTS messages_by_time ON messages (endpoint, agent, created);
CREATE INDEX IF NOT EXISTS answers_by_time ON messages (endpoint, agent, created, seq)
    WHERE role = 'assistant';
CREATE INDEX IF NOT EXISTS conversations_by_time ON conversations (endpoint, agent, updated);
CREATE TABLE IF NOT EXISTS feedback (
    seq INTEGER PRIMARY KEY, endpoint TEXT NOT NULL, agent TEXT NOT NULL, message TEXT NOT NULL,
    kind TEXT NOT NULL, created REAL NOT NULL, extra TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, type TEXT NOT NULL, filename TEXT NOT NULL,
    conversation TEXT, created REAL NOT NULL, content BLOB
);
CREATE INDEX IF NOT EXISTS files_by_key ON files (key);
CREATE TABLE IF NOT EXISTS contacts (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
    extra TEXT NOT NULL
);
"""
JSON_COLUMNS = ("citations", "extra")


class Store:
    """What the services remember.

    Rows come out as dicts; the columns `citations` and `extra` hold JSON. The file survives the
    process, but not a power cut: nothing is synced.

    Args:
        path: the SQLite file, or ":memory:".
    """

    def __init__(self, path: str) -> None:
        # Only the loop's thread uses it, which need not be the one that made it.
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        try:
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA synchronous=OFF")
            self.db.executescript(SCHEMA)
            newest = self.db.execute("SELECT max(created) FROM messages").fetchone()[0]
        except sqlite3.Error:  # the file is something else
            self.db.close()
            raise
        self._latest = round(1000 * (newest or 0.0))

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def all(self, sql: str, *values: object) -> list[Row]:
        """Every row of a query."""
        return [_decoded(row) for row in self.db.execute(sql, values)]

    def one(self, sql: str, *values: object) -> Row | None:
        """The first row of a query."""
        row = self.db.execute(sql, values).fetchone()
        return None if row is None else _decoded(row)

    def insert(self, table: str, row: Row) -> None:
        """Add one row."""
        values = {name: _encoded(name, value) for name, value in row.items()}
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self.db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()))

    def add_conversation(
        self, endpoint: str, agent: str, id_: str, title: str = "", **extra: object
    ) -> Row:
        """Open a conversation."""
        now = self._moment()
        row = {
            "id": id_,
            "endpoint": endpoint,
            "agent": agent,
            "title": title,
            "created": now,
            "updated": now,
            "extra": extra,
            "lost": 0,
        }
        gone = "DELETE FROM conversations WHERE endpoint = ? AND id = ? AND lost = 1"
        self.db.execute(gone, (endpoint, id_))  # where clients name them, a name comes back
        self.insert("conversations", row)
        return row

    def conversation(self, endpoint: str, id_: str) -> Row | None:
        """A conversation that is neither unknown nor forgotten."""
        sql = "SELECT * FROM conversations WHERE endpoint = ? AND id = ? AND lost = 0"
        return self.one(sql, endpoint, id_)

    def is_lost(self, endpoint: str, id_: str) -> bool:
        """Whether a conversation existed once and was forgotten."""
        sql = "SELECT 1 FROM conversations WHERE endpoint = ? AND id = ? AND lost = 1"
        return self.one(sql, endpoint, id_) is not None

    def forget(self, endpoint: str, id_: str) -> None:
        """Lose a conversation with its messages."""
        where = "WHERE endpoint = ? AND {} = ?"
        self.db.execute(f"DELETE FROM messages {where.format('conversation')}", (endpoint, id_))
        self.db.execute(f"UPDATE conversations SET lost = 1 {where.format('id')}", (endpoint, id_))

    def go_back(self, endpoint: str, conversation: str, message: str) -> None:
        """Forget a message of a conversation, and all that came after it."""
        where = "WHERE endpoint = ? AND conversation = ?"
        first = f"SELECT seq FROM messages {where} AND id = ?"
        sql = f"DELETE FROM messages {where} AND seq >= ({first})"
        self.db.execute(sql, (endpoint, conversation, endpoint, conversation, message))

    def forget_all(self) -> None:
        """Lose every conversation, as after a long holiday."""
        self.db.execute("DELETE FROM messages")
        self.db.execute("UPDATE conversations SET lost = 1")

    def messages(self, endpoint: str, conversation: str, newest: int = -1) -> list[Row]:
        """The messages of a conversation, oldest first; only the newest few if so wished."""
        where = "WHERE endpoint = ? AND conversation = ? ORDER BY seq DESC LIMIT ?"
        return self.all(f"SELECT * FROM messages {where}", endpoint, conversation, newest)[::-1]

    def add_message(
        self,
        endpoint: str,
        agent: str,
        conversation: str,
        role: str,
        content: str,
        *,
        id_: str | None = None,
        reply_to: str | None = None,
        citations: Iterable[Row] = (),
        **extra: object,
    ) -> Row:
        """Append a message to a conversation, and touch the conversation."""
        now = self._moment()
        row = {
            "id": id_ or new_id(),
            "endpoint": endpoint,
            "agent": agent,
            "conversation": conversation,
            "role": role,
            "content": content,
            "created": now,
            "reply_to": reply_to,
            "citations": list(citations),
            "extra": extra,
        }
        self.insert("messages", row)
        self._touch(endpoint, conversation, now)
        return row

    def _moment(self) -> float:
        """Now, in whole milliseconds that nothing else has: sorted by time is as written."""
        self._latest = max(round(1000 * time.time()), self._latest + 1)
        return self._latest / 1000

    def free_moment(self, endpoint: str, agent: str, moment: float) -> float:
        """A moment of the past, or the first millisecond after it that no message has."""
        sql = "SELECT 1 FROM messages WHERE endpoint = ? AND agent = ? AND created = ?"
        count = round(1000 * moment)
        while self.one(sql, endpoint, agent, count / 1000) is not None:
            count += 1
        return count / 1000

    def _touch(self, endpoint: str, conversation: str, now: float) -> None:
        sql = "UPDATE conversations SET updated = ? WHERE endpoint = ? AND id = ?"
        self.db.execute(sql, (now, endpoint, conversation))


def _encoded(name: str, value: object) -> Any:
    return json.dumps(value) if name in JSON_COLUMNS else value


def _decoded(row: sqlite3.Row) -> Row:
    found = dict(row)
    for name in JSON_COLUMNS:
        if name in found:
            found[name] = json.loads(found[name])
    return found
