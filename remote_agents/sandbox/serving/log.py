"""What the server saw: every request with its outcome, and every accepted chat turn."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from sys import getsizeof
from typing import Any, Generic, TypeVar

from remote_agents.sandbox.directory import AGENTS
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.serving.keys import Keys

KEPT = 20_000
KEPT_BYTES = 64 << 20  # of requests, and as many of turns
T = TypeVar("T")


@dataclass
class Entry:
    """One request; `outcome` moves from open to completed or disconnected."""

    endpoint: str
    method: str
    path: str
    headers: dict[str, str]
    right_key: bool
    time: float = field(default_factory=time.time)
    raw: bytes = b""
    status: int | None = None
    outcome: str = "open"
    ended: float | None = None

    @classmethod
    def of(cls, endpoint: str, scope: Any, keys: Keys) -> Entry:
        """Describe a request that has just arrived."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        right = keys.fits(endpoint, headers)
        for name in {"authorization", AGENTS[endpoint].key_header.lower()} & headers.keys():
            headers[name] = headers[name].split(" ")[0] if " " in headers[name] else "[key]"
        query = scope["query_string"].decode("latin-1")
        path = scope["path"] + (f"?{query}" if query else "")
        return cls(endpoint, scope["method"], path, headers, right)

    def end(self, outcome: str) -> None:
        """Close the entry; what was first noticed stands."""
        if self.outcome == "open":
            self.outcome, self.ended = outcome, time.time()

    def as_dict(self) -> JsonObject:
        """What `box.requests()` shows."""
        shown = {name: value for name, value in vars(self).items() if name != "raw"}
        return {**shown, "body": self._body()}

    def _body(self) -> Any:
        try:
            return json.loads(self.raw)
        except ValueError:
            return None


class Newest(Generic[T]):
    """The newest things, oldest first: so many, and so many bytes of them."""

    def __init__(self) -> None:
        self._things: OrderedDict[int, tuple[T, int]] = OrderedDict()
        self._bytes = 0

    def __iter__(self) -> Iterator[T]:
        return (thing for thing, _ in self._things.values())

    def add(self, thing: T, size: int) -> None:
        """Keep one more; the oldest give way, but never this one."""
        self._things[id(thing)] = thing, 0
        self.grow(thing, size)

    def grow(self, thing: T, size: int) -> None:
        """Count what a thing that is still kept has become larger by."""
        if id(thing) not in self._things:
            return
        self._things[id(thing)] = thing, self._things[id(thing)][1] + size
        self._bytes += size
        while len(self._things) > 1 and (len(self._things) > KEPT or self._bytes > KEPT_BYTES):
            _, (_, freed) = self._things.popitem(last=False)
            self._bytes -= freed

    def clear(self) -> None:
        """Keep nothing of it."""
        self._things.clear()
        self._bytes = 0


class Log:
    """The last requests and turns, oldest first."""

    def __init__(self) -> None:
        self._entries: Newest[Entry] = Newest()
        self._accepted: Newest[JsonObject] = Newest()

    def add(self, entry: Entry) -> None:
        """Note a request that has just arrived."""
        headers = sum(len(name) + len(value) for name, value in entry.headers.items())
        self._entries.add(entry, len(entry.path) + headers)

    def add_body(self, entry: Entry, data: bytes) -> None:
        """Note what has come of a request's body."""
        entry.raw += data
        self._entries.grow(entry, len(data))

    def accept(self, turn: JsonObject) -> None:
        """Note a chat turn: its messages, and what else is told of it."""
        self._accepted.add(turn, sum(getsizeof(each["content"]) for each in turn["messages"]))

    def clear(self) -> None:
        """Forget everything seen so far."""
        self._entries.clear()
        self._accepted.clear()

    def requests(self, endpoint: str | None = None) -> list[JsonObject]:
        """The requests of one endpoint, or of all."""
        return [e.as_dict() for e in self._entries if endpoint in (None, e.endpoint)]

    def turns(self, endpoint: str | None = None) -> list[JsonObject]:
        """The accepted chat turns of one endpoint, or of all."""
        return [turn for turn in self._accepted if endpoint in (None, turn["endpoint"])]
