"""Whether a turn was refused for the length of what was sent. Pure."""

from __future__ import annotations

import re

from remote_agents.errors import AgentError, AgentStatusError, RemoteFailureError

# What took, ran or waited too long is another matter, in Chinese too; so are a name or an id that
# is too long, and too many tokens for a minute.
_NAME = r"(?:name|id|key|title)s?\W{0,2}"
_HAS = r"(?:(?:is|are|was|were|must be|ensure this \w+ has|string should have)\b)?"
TOO_LONG = re.compile(
    rf"{_NAME}{_HAS}[ _](?:too[ _]long|no more than|at most)"
    r"|(\b(?:is|are|was|were|inputs?|prompts?|messages?|contents?|context|texts?|query|questions?"
    r"|history)[ _]too[ _]long|_too_long|too[ _]many[ _]tokens(?!,? (?:per|please wait))"
    r"|context[ _](?:window|length)|(?:no more than|at most) \d+ characters"
    r"|(?<![时時间間待名称稱d])[过過超][长長])",
    re.IGNORECASE,
)
SHORTEN = (
    "Send less: shorten the question, or the history that goes along (trim_messages in LangChain, "
    "a memory's token_limit in LlamaIndex)."
)


def tell_of_length(error: AgentError) -> None:
    """Tell how to send less, if a service refused a turn, or failed, since too much was sent."""
    if not isinstance(error, (AgentStatusError, RemoteFailureError)):
        return
    status = error.status_code if isinstance(error, AgentStatusError) else 0
    said = status in (0, 400, 413, 422) and _is_said(f"{error.code} {error}")
    if isinstance(error, AgentStatusError):
        error.too_long = said
    if said or status == 413:
        error.args = (f"{str(error).rstrip('.')}. {SHORTEN}",)


def _is_said(words: str) -> bool:
    return any(found[1] for found in TOO_LONG.finditer(words))
