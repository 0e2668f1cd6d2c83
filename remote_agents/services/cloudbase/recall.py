"""What a conversation of a classic agent holds, read back where the caller has no history of it.

The model of a classic agent sees the `history` of the request and nothing else: the id of a
conversation only says where the turn is filed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from remote_agents.errors import AgentStatusError, ConfigurationError, RemoteFailureError
from remote_agents.flow import Call, Flow, Request
from remote_agents.types import Message, Role
from remote_agents.wire.json import items, mapping, text

logger = logging.getLogger(__name__)

RECALL = 10  # turns, of two records each
_UNFINISHED = frozenset({"pending", "error", "cancel"})


def turns_of(options: Mapping[str, Any]) -> int:
    """How many turns are read back.

    Raises:
        ConfigurationError: It is no number of turns.
    """
    given = options.get("recall")
    if given is None:
        return RECALL
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise ConfigurationError(
            f"recall is a number of turns (default {RECALL}; 0 switches it off), not {given!r}."
        )
    return given


def recalled(path: str, conversation_id: str, turns: int) -> Flow[Sequence[Message]]:
    """The last turns of a conversation, the oldest first; none where the agent has no records.

    Args:
        path: The agent's.
        conversation_id: The conversation.
        turns: How many at most.
    """
    asked = {"sort": "desc", "pageSize": 2 * turns, "pageNumber": 1}
    params = {**asked, "conversationId": conversation_id}
    try:
        answer = yield Call(Request("GET", f"{path}/records", params=params, safe=True))
    except (AgentStatusError, RemoteFailureError) as error:
        if isinstance(error, AgentStatusError) and error.status_code not in _NO_RECORDS:
            raise
        logger.warning(
            "The records of conversation %s cannot be read (%s); the agent sees this message "
            "alone. Pass the history, or recall=0 to ask no more.",
            conversation_id,
            error,
        )
        return ()
    return _whole_messages(reversed(_records(answer.data)), conversation_id)


def with_known(recorded: Sequence[Message], history: Sequence[Message]) -> Sequence[Message]:
    """What was read back, and the questions that the caller has, where it lacks them.

    A turn that broke off may have no record, or one that is no whole message.
    """
    if recorded and any(message.role == "assistant" for message in history):
        return recorded
    asked = [message.content for message in recorded if message.role == "user"][-len(history) :]
    left = [each for each in history if not any(_same(each.content, said) for said in asked)]
    return [*recorded, *left]


def _same(one: str, other: str) -> bool:
    """Whether both end with one question; an instruction may stand before it in either."""
    return one.endswith(other) or other.endswith(one)


_NO_RECORDS = (400, 403, 404, 405, 410, 422, 501)


def _records(data: object) -> list[Any]:
    known = mapping(data)
    return items(known.get("recordList") or known.get("data") or data)


_ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant"}


def _whole_messages(records: Iterable[Any], conversation_id: str) -> list[Message]:
    """The whole messages among them; some templates list what else the bot was asked."""
    found = []
    for record in map(mapping, records):
        role, content = _ROLES.get(text(record.get("role"))), text(record.get("content"))
        other = record.get("conversation") not in (None, "", conversation_id)
        whole = record.get("status") not in _UNFINISHED
        if role and content and whole and not other:
            found.append(Message(role, content))
    return found
