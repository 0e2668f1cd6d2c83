"""Arguments of a call that may hold a secret, on their way through a framework that logs them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from remote_agents.json_types import Arguments

SECRET = ("headers", "extra_headers", "extra_body")


class Concealed:
    """A value that shows only whether it is the same as another."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Concealed({hashlib.blake2s(repr(self.value).encode(), digest_size=8).hexdigest()})"


def conceal(call: Mapping[str, Any]) -> Arguments:
    """The arguments of a call, as traces and caches may see them."""
    return {
        name: Concealed(value)
        if name in SECRET and value and not isinstance(value, Concealed)
        else value
        for name, value in call.items()
    }


def revealed(value: object) -> Any:
    """The value itself."""
    return value.value if isinstance(value, Concealed) else value
