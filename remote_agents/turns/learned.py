"""What an agent finds out while it asks, for as long as it lives."""

from __future__ import annotations

from dataclasses import dataclass, field

from remote_agents.json_types import JsonObject

MOST_UPLOADS = 1000


@dataclass(slots=True)
class Learned:
    """What holds for all calls of one agent: the copies of its terms for a call share it.

    All of it follows from what no call changes: where the agent is, and who asks.

    Attributes:
        places: Where a service has something at several paths, the one that was found, by the one
            that is documented.
        uploads: What was uploaded, by account and digest.
        account: The account of the key, or of the function that gives it.
        seal_key: What marks are sealed with.
    """

    places: dict[str, str] = field(default_factory=dict)
    uploads: JsonObject = field(default_factory=dict)
    account: str | None = None
    seal_key: bytes | None = None

    def keep_upload(self, key: str, stored: object) -> None:
        """Keep what the service calls a file; beyond so many, the oldest are forgotten."""
        while len(self.uploads) >= MOST_UPLOADS:
            oldest, *_ = list(self.uploads)  # at once, as other threads may change it meanwhile
            self.uploads.pop(oldest, None)
        self.uploads[key] = stored
