"""What an error of a turn holds: all that is known of it, and never the key."""

from __future__ import annotations

from functools import partial
from typing import Any

from remote_agents.errors import AgentError
from remote_agents.turns.clock import Exchange
from remote_agents.types import Reply


def tell_what_is_known(error: AgentError, exchange: Exchange, reply: Reply | None = None) -> None:
    """Put what is known on an error, and take the key out of it: nothing received is lost.

    Args:
        error: Whatever ended a turn or a call.
        exchange: The turn or call.
        reply: What was received of the answer.
    """
    _redact(error, exchange.secrets)
    error.endpoint = error.endpoint or exchange.terms.endpoint.name
    if reply is not None:
        beside = "".join(reply.beside)
        error.partial = error.partial or reply.text + reply.withheld + beside
        ids = without_secrets(exchange.secrets, [reply.conversation_id, reply.request_id])
        error.conversation_id = error.conversation_id or ids[0]
        error.request_id = error.request_id or ids[1]


def _redact(error: AgentError, secrets: list[str]) -> None:
    """The key does not go on from here: not in what a service quotes, nor in httpx's errors.

    Those hold the request with its headers; what they say is in our message already.
    """
    _drop_foreign_causes(error)
    error.args = tuple(without_secrets(secrets, str(said)) for said in error.args)
    for name, value in vars(error).items():
        setattr(error, name, without_secrets(secrets, value))


def without_secrets(secrets: list[str], value: object) -> Any:
    """A value of JSON with the secrets, or their beginnings, taken out of its texts."""
    if isinstance(value, str):
        for secret in secrets:
            value = _text_without(secret, value) if len(secret) >= SHORTEST_KEY else value
        return value
    if isinstance(value, list):
        return [without_secrets(secrets, item) for item in value]
    if isinstance(value, dict):
        taken = partial(without_secrets, secrets)
        return {taken(name): taken(item) for name, item in value.items()}
    return value


def _text_without(key: str, text: str) -> str:
    text = text.replace(key, "[key]")
    if key[:SHORTEST_PIECE] not in text:
        return text
    for size in range(len(key) - 1, SHORTEST_PIECE - 1, -1):  # a text that was cut short
        text = text.replace(key[:size], "[key]")
    return text


SHORTEST_KEY = 4  # what is shorter is no secret, and is in many words
SHORTEST_PIECE = 8


def _drop_foreign_causes(error: BaseException) -> None:
    for name in ("__cause__", "__context__"):
        link = getattr(error, name)
        if isinstance(link, AgentError):
            _drop_foreign_causes(link)
        elif link is not None:
            setattr(error, name, None)
