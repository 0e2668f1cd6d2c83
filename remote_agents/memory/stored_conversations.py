"""Conversations that are read back from a service, as dialogues that can be gone on with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from remote_agents.json_types import JsonObject
from remote_agents.memory.dialogue import dialogue_of
from remote_agents.memory.digests import SIZE, digest_for
from remote_agents.memory.marks import Mark, Sealer
from remote_agents.types import Message


def marks_of(
    conversation_id: str,
    messages: Iterable[Message],
    *,
    session_id: str | None,
    askers: Mapping[str, str],
    account: str,
    agent: str,
    sealer: Sealer,
) -> list[JsonObject | None]:
    """A mark for each message that is an answer, as its reply had it.

    Args:
        conversation_id: The service's id.
        messages: All that the conversation holds, oldest first.
        session_id: The session that goes on in it; None if it is named by its own id.
        askers: Who asks in that session, as part of its name.
        account: Whose it is.
        agent: `provider:agent_id@host/path`.
        sealer: Seals the marks.
    """
    if session_id is None:
        named = dialogue_of("conversation", {"conversation": conversation_id}, account, agent)
    else:
        named = dialogue_of("session", {**askers, "session_id": session_id}, account, agent)
    dialogue = named.shown
    digest = digest_for(account, dialogue)
    marks: list[JsonObject | None] = []
    asked, turn, count = b"", 0, 0
    for message in messages:
        if message.role == "assistant":
            turn, count = turn + 1, count + len(asked) // SIZE + 1
            mark = Mark(conversation_id, dialogue, turn, count, asked, digest(message))
            marks.append(sealer.seal(mark))
            asked = b""
        else:
            marks.append(None)
            asked += b"" if message.role == "system" else digest(message)
    return marks
