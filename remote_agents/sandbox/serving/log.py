"""What the server saw: every request with its outcome, and every accepted chat turn."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.serving.keys import Keys

KEPT = 20_000


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
        authorization = headers.get("authorization", "")
        if authorization:
            headers["authorization"] = authorization.split(" ")[0]
        query = scope["query_string"].decode("latin-1")
        path = scope["path"] + (f"?{query}" if query else "")
        return cls(endpoint, scope["method"], path, headers, keys.fits(endpoint, authorization))

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


class Log:
    """The last requests and turns, oldest first."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.accepted: deque[JsonObject] = deque(maxlen=KEPT)

    def clear(self) -> None:
        """Forget everything seen so far."""
        self.entries.clear()
        self.accepted.clear()

    def requests(self, endpoint: str | None = None) -> list[JsonObject]:
        """The requests of one endpoint, or of all."""
        return [e.as_dict() for e in self.entries if endpoint in (None, e.endpoint)]

    def turns(self, endpoint: str | None = None) -> list[JsonObject]:
        """The accepted chat turns of one endpoint, or of all."""
        return [turn for turn in self.accepted if endpoint in (None, turn["endpoint"])]
