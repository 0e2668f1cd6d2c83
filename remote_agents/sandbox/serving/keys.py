"""The keys that the agents take: fixed ones, or tokens that expire."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from remote_agents.sandbox.directory import AGENTS


@dataclass
class Keys:
    """Says whether a request has the right key.

    Args:
        seconds: How long a token is good for; None for the fixed key of each agent.
    """

    seconds: float | None = None
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)

    def issue(self, endpoint: str) -> str:
        """A key that is good from now on."""
        if self.seconds is None:
            return AGENTS[endpoint].api_key
        return self._token(endpoint, str(int(1000 * (time.time() + self.seconds))))

    def fits(self, endpoint: str, headers: Mapping[str, str]) -> bool:
        """Whether the headers, by names in small letters, carry a good key of the agent."""
        agent = AGENTS[endpoint]
        key = headers.get(agent.key_header.lower(), "")
        if agent.scheme and agent.key_header.lower() == "authorization":
            scheme, _, key = key.partition(" ")
            if scheme.lower() != agent.scheme.lower():
                return False
        if self.seconds is None:
            return key == AGENTS[endpoint].api_key
        until = key.split(".")[1] if key.count(".") == 2 else ""
        good = until.isdecimal() and int(until) > 1000 * time.time()
        return good and hmac.compare_digest(key.encode(), self._token(endpoint, until).encode())

    def _token(self, endpoint: str, until: str) -> str:
        named = f"{AGENTS[endpoint].api_key}.{until}"
        return f"{named}.{hmac.digest(self.secret, named.encode(), 'sha256').hex()[:32]}"
