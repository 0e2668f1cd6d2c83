"""What to say of an argument that does not exist.

In a call what a call takes, in a constructor what that takes, the best match first.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from remote_agents.service import Endpoint
from remote_agents.settings import COMMON, CallArguments

CALL = frozenset(CallArguments.__annotations__)

# How the same is called elsewhere, and here.
_NAMES = {
    **dict.fromkeys(("model", "model_name", "agent", "assistant_id"), "agent_id"),
    **dict.fromkeys(("bot_id", "chatbot_id", "chatbot"), "agent_id"),
    **dict.fromkeys(("key", "token", "apikey", "openai_api_key"), "api_key"),
    **dict.fromkeys(("url", "host", "api_base", "openai_api_base", "base", "endpoint"), "base_url"),
    **dict.fromkeys(("request_timeout",), "timeout"),
    **dict.fromkeys(("retries",), "max_retries"),
    **dict.fromkeys(("verify_ssl", "ssl_verify", "ca_bundle", "cafile"), "verify"),
    **dict.fromkeys(("session", "thread_id", "thread", "dialogue"), "session_id"),
    **dict.fromkeys(("conversation", "chat_id"), "conversation_id"),
}
# What has another place altogether.
_PLACES = {
    **dict.fromkeys(
        ("proxy", "proxies", "http_proxy", "https_proxy"),
        "set HTTPS_PROXY, or pass an http_client (and http_async_client) that has the proxy.",
    ),
    **dict.fromkeys(
        ("system_prompt", "system", "system_message", "instructions"),
        "put it first among the messages, as a system message.",
    ),
    "attachments": "put image, audio or file blocks into the message.",  # the plain client has it
}
_AT_CONSTRUCTION = {**_NAMES, "headers": "default_headers", "extra_headers": "default_headers"}
_IN_A_CALL = {**_NAMES, "default_headers": "headers"}
# What other models take, and some of these services too.
_OF_MODELS = frozenset(
    {"top_p", "top_k", "seed", "n", "frequency_penalty", "presence_penalty", "response_format"}
    | {"max_completion_tokens", "logprobs", "top_logprobs", "logit_bias", "reasoning_effort"}
)


def unknown_name(endpoint: Endpoint, name: str, also: Collection[str] = ()) -> str:
    """What to say of an argument that a constructor does not take.

    Args:
        endpoint: The facts of the service.
        name: The argument.
        also: Names that this class takes beside the common ones.
    """
    valid = {*endpoint.accepted, *COMMON, *also} - {name}
    if name in endpoint.accepted:
        return f"{endpoint.title} takes {name!r}, but this class has no field for it."
    known = _AT_CONSTRUCTION.get(name)
    if known not in valid and (name in CALL or known in CALL):
        return f"{endpoint.title} takes {known or name!r} in a call, not in its constructor."
    return _advice(endpoint, name, known, valid, "argument")


def unknown_in_call(endpoint: Endpoint, name: str) -> str:
    """What to say of an argument that a call does not take."""
    valid = {*CALL - {"suggest"}, *endpoint.taken_by_calls} - {name}
    known = _IN_A_CALL.get(name)
    if known not in valid and not {*COMMON, *endpoint.addressing}.isdisjoint((name, known)):
        return (
            f"{endpoint.title} takes {known or name!r} in its constructor, not in a call; "
            f"a call takes {', '.join(_by_likeness(name, valid))}."
        )
    return _advice(endpoint, name, known, valid, "argument of a call")


def _advice(
    endpoint: Endpoint, name: str, known: str | None, valid: Collection[str], what: str
) -> str:
    if name in _OF_MODELS:
        return (
            f"{endpoint.title} has no {name}: leave it out; what the agent's own settings say is "
            "used."
        )
    if name in _PLACES:
        return f"{endpoint.title} has no {what} {name!r}: {_PLACES[name]}"
    near = [known] if known in valid else difflib.get_close_matches(name, valid, n=1)
    advice = f"did you mean {near[0]!r}?" if near else ""
    listed = f"valid are {', '.join(_by_likeness(name, valid))}."
    return f"{endpoint.title} has no {what} {name!r}; {advice or listed}"


def _by_likeness(name: str, valid: Iterable[str]) -> list[str]:
    """The best match first."""

    def unlike(other: str) -> float:
        return -difflib.SequenceMatcher(None, name, other).ratio()

    return sorted(sorted(valid), key=unlike)
