"""Conversations as rows of the SQL store, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from remote_agents.database import column_of
from remote_agents.json_types import JsonObject
from remote_agents.memory.history_matching import Conversation
from remote_agents.types import Waits


def row_of(conversation: Conversation) -> JsonObject:
    """All that is kept of a conversation."""
    name = conversation.conversation_id
    column = column_of(name)
    return {
        "conversation_id": column,
        "whole_id": None if column == name else json.dumps(name),
        "created": conversation.created,
        **moving_row(conversation),
    }


def moving_row(conversation: Conversation) -> JsonObject:
    """What of it changes from turn to turn."""
    return {
        "turns": conversation.turns,
        "count": conversation.count,
        "known": conversation.known,
        "held": conversation.held,
        "system": conversation.system,
        "history": conversation.history,
        "broke_off": conversation.broke_off,
        "ids": _ids_row(conversation),
        "last_used": conversation.last_used,
    }


def row_taken(
    dialogue: str, holder: str, conversation: Conversation | None, now: float, *, alone: bool
) -> JsonObject:
    """What a turn writes as it takes a conversation, or with None a new one."""
    row = row_of(conversation or Conversation("", created=now))
    if conversation is None and not alone:
        # Of the new ones that take their turn there is one; others have a name of their own.
        row["conversation_id"] = f"?{holder}"
    return {"dialogue": dialogue, **row, "last_used": now, "now": now}


def row_as_known(
    dialogue: str, conversation: Conversation, known: Sequence[Conversation]
) -> JsonObject:
    """What stands in the database if nobody has written in a dialogue since it was known."""
    others = [each.last_used for each in known if each is not conversation]
    return {
        "d": dialogue,
        "c": column_of(conversation.conversation_id),
        "turns": conversation.turns,
        "used": conversation.last_used,
        "others_used": max(others, default=0),
    }


def conversation_of(row: Sequence[Any], now: float) -> Conversation:
    """The conversation in a row that was read."""
    column, whole, created, *moving, since, until = row
    turns, count, known, held, system, history, broke_off, ids, used = moving
    return Conversation(
        json.loads(whole) if whole else "" if column.startswith("?") else column,
        turns,
        count,
        known,
        bytes(held),
        bytes(system),
        bool(history),
        bool(broke_off),
        since if until >= now else None,
        0 < until < now,
        *_ids_in(ids),
        created,
        used,
    )


def _ids_row(conversation: Conversation) -> str | None:
    kept = [conversation.ids, conversation.instructions, conversation.waits]
    return json.dumps(kept) if any(kept) else None


def _ids_in(row: str | None) -> tuple[tuple[str, ...], tuple[str, ...], Waits]:
    ids, instructions, waits = json.loads(row) if row else ((), (), ())
    return tuple(ids), tuple(instructions), tuple(map(tuple, waits))
