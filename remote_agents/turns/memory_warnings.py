"""What the log says of a plan: why a dialogue begins anew, and what a default store cannot see."""

from __future__ import annotations

import logging
import os
import sys
from functools import cache

from remote_agents.callers import warn_of_turn
from remote_agents.memory.digests import SIZE
from remote_agents.memory.plan import Plan, Reason
from remote_agents.memory.sessions import DEFAULT_STORE
from remote_agents.memory.standing import Standing
from remote_agents.memory.store import SessionStore

logger = logging.getLogger("remote_agents.memory")

# Why nothing went on of a dialogue that had a conversation.
_RESTARTS: dict[Reason | None, str] = {
    "cleared": "A prompt without a history, after a turn that had one, or where the application "
    "keeps it: the dialogue was cleared, and begins in a new conversation.",
    "instruction_dropped": "A system message of the turn before is gone, which no conversation can "
    "take back; all is sent to a new one.",
    "nothing_asked": "After what its conversation holds, the history asks nothing; all is sent to "
    "a new one.",
    "under_way": "A turn of the history's conversation is under way; all is sent to a new one.",
    "lapsed": "A turn of the history's conversation was under way in a process that died; all is "
    "sent to a new one.",
}


class ConversationRestartedWarning(UserWarning):
    """A conversation did not go on where it was.

    The service no longer had it, and it was started anew with the whole history; or the service
    answered in another one.
    """


def log_plan(plan: Plan, standing: Standing, store: SessionStore) -> None:
    """Log what the caller may want to know of a plan.

    Args:
        plan: What is sent.
        standing: The prompt in its dialogue, as it was found.
        store: Where the dialogue is remembered.
    """
    if plan.reason in _RESTARTS:
        logger.info(_RESTARTS[plan.reason])
    elif plan.differs:
        logger.info(
            "The history goes on in no conversation: message %d (%s) differs; all is sent to a "
            "new one.",
            *plan.differs,
        )
    alone = standing.dialogue.kind == "thread" and plan.bare and plan.memory == "new"
    # The same prompt again is a node that LangGraph runs from its start once it is resumed.
    asked = {record.held[:SIZE] for record in standing.records if not record.history}
    if alone and len(asked) == 1 and standing.mine[:SIZE] not in asked:
        logger.warning(
            "A second prompt without a history in one thread: a thread's memory is its "
            "checkpoints; without a history pass session_id= as an argument."
        )
    if store is DEFAULT_STORE:
        _log_other_processes(plan, standing)


def warn_of_moved_conversation(plan: Plan, standing: Standing, conversation_id: str) -> None:
    """Warn of an answer that came in another conversation than its question was sent to."""
    warn_of_turn(
        f"{standing.prompt.endpoint.title} was asked in conversation {plan.conversation_id} and "
        f"answered in {conversation_id}. What was said before is not known to be there; pass the "
        "history, or forget the session.",
        ConversationRestartedWarning,
    )


def _log_other_processes(plan: Plan, standing: Standing) -> None:
    known = {record.conversation_id for record in standing.records}
    if plan.memory == "continued" and plan.conversation_id not in known:
        logger.info(
            "Conversation %s is gone on with by a mark of another process; only a store that both "
            "share (SQLSessionStore) would know what came after it.",
            plan.conversation_id,
        )
    if standing.dialogue.kind == "session" and plan.bare and _has_workers():
        _warn_of_workers()


@cache  # once in a process
def _warn_of_workers() -> None:
    logger.warning(
        "Sessions are remembered in this process only, and there are several workers: give them "
        "one store, session_store=SQLSessionStore(...)."
    )


def _has_workers() -> bool:
    """Whether this looks like one of several workers of a web server."""
    told = os.environ.get("WEB_CONCURRENCY", "")
    for at, word in enumerate(sys.argv):
        name, equals, value = word.partition("=")
        if name in ("--workers", "-w"):
            told = value if equals else "".join(sys.argv[at + 1 : at + 2])
    return told.isdigit() and int(told) > 1
