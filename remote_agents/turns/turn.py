"""One turn, from the caller's messages to the last event."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from remote_agents.arguments import check_parameters, read_memory, read_stops
from remote_agents.errors import AgentError, ConversationNotFoundError
from remote_agents.flow import Flow
from remote_agents.memory.plan import Memory, Plan, newest_origin, plan_turn, short_digest
from remote_agents.memory.sessions import Lease
from remote_agents.turns.clock import Exchange
from remote_agents.turns.exchange import expand
from remote_agents.turns.terms import Terms
from remote_agents.types import Message, Reply, Turn

logger = logging.getLogger(__name__)

_OURS = frozenset({"stop", "streaming"})


class ConversationRestartedWarning(UserWarning):
    """The service no longer had a conversation; it was started anew with the whole history."""


def take_turn(
    terms: Terms,
    messages: Sequence[Message],
    *,
    stream: bool,
    conversation_id: str | None = None,
    session_id: str | None = None,
    memory: Memory | None = None,
    **parameters: Any,
) -> Flow[None]:
    """One turn as a flow that emits its events, the last of them `Finish`.

    Args:
        terms: The agent that is asked.
        messages: The whole prompt: system messages, history, the new message.
        stream: Whether the answer is asked for piece by piece.
        conversation_id: A conversation of the service to continue.
        session_id: Your own key for the dialogue; its conversation is remembered.
        memory: Overrides the agent's mode for this turn.
        **parameters: The endpoint's parameters, for this turn.

    Raises:
        AgentError: See `remote_agents.errors`.
    """
    options = {
        **terms.options,
        **check_parameters(terms.endpoint, parameters, terms.endpoint.call_only),
    }
    mode = read_memory(memory) if memory else terms.memory
    conversation_id = conversation_id or None
    plan = partial(
        plan_turn,
        messages,
        endpoint=terms.endpoint,
        agent=terms.name,
        memory=mode,
        conversation_id=conversation_id,
        fold=terms.fold,
    )
    kept = mode != "client" and terms.endpoint.keeps != "none"
    lease = _lease_of(terms, messages, conversation_id, session_id) if kept else None
    if lease is None:
        return _follow(terms, plan(), options, stream)
    return _take_in_session(terms, lease, plan, options, stream)


def _lease_of(
    terms: Terms,
    messages: Sequence[Message],
    conversation_id: str | None,
    session_id: str | None,
) -> Lease | None:
    """What takes turns: the caller's session, else the conversation that is continued."""
    if session_id is not None and conversation_id is None:
        owner = short_digest(str(session_id))
        return Lease(terms.store, terms.key_of(session_id), terms.session_wait, owner=owner)
    if conversation_id is None:
        origin = newest_origin(messages, terms.name)[1]
        if origin is None:
            return None
        conversation_id = origin.conversation_id
    key = f"{terms.namespace}{terms.name}#{conversation_id}"
    return Lease(terms.store, key, terms.session_wait, follows=conversation_id)


def _take_in_session(
    terms: Terms,
    lease: Lease,
    plan: Callable[..., Plan],
    options: Mapping[str, Any],
    stream: bool,
) -> Flow[None]:
    """A turn that waits for its session, and leaves in it where the conversation stands."""
    session = yield from lease.acquire()
    known = session if lease.owner or session.conversation_id else None
    yield from _follow(terms, plan(session=known, owner=lease.owner), options, stream, lease)


def _follow(
    terms: Terms,
    plan: Plan,
    options: Mapping[str, Any],
    stream: bool,
    lease: Lease | None = None,
) -> Flow[None]:
    """Send a plan; start anew where the service has lost the conversation."""
    try:
        yield from _post(terms, plan, options, stream, lease)
        return
    except AgentError as error:
        if plan.conversation_id is None or not terms.endpoint.is_lost(error):
            raise
        error.conversation_id = lost = plan.conversation_id
        restart = plan.restart()
        if restart is None:
            raise _not_found(terms, error, lost) from error
    warnings.warn(
        f"{terms.endpoint.title} no longer has conversation {lost}; a new one was started with "
        "the whole history.",
        ConversationRestartedWarning,
        stacklevel=2,
    )
    yield from _post(terms, restart, options, stream, lease)


def _not_found(terms: Terms, error: AgentError, conversation_id: str) -> ConversationNotFoundError:
    return ConversationNotFoundError(
        f"{terms.endpoint.title} no longer has conversation {conversation_id}, and its "
        "earlier turns are not at hand to start it anew. Pass the whole history, or forget "
        "the session.",
        endpoint=terms.endpoint.name,
        conversation_id=conversation_id,
        request_id=error.request_id,
    )


def _post(
    terms: Terms,
    plan: Plan,
    options: Mapping[str, Any],
    stream: bool,
    lease: Lease | None,
) -> Flow[None]:
    stop = read_stops(options.get("stop"))
    native = "stop" in terms.endpoint.parameters
    sent = {k: v for k, v in options.items() if v is not None and k not in _OURS}
    if stop and native:
        sent["stop"] = list(stop)
    told = {name: sent[name] for name in terms.endpoint.parameters if name in sent}
    turn = Turn(terms.agent_id, plan.messages, stream, plan.conversation_id, plan.keep, sent, told)
    exchange = Exchange(terms, stop=() if native else stop, plan=plan, lease=lease)
    reply = yield from expand(telling_question(turn, terms.endpoint.turn(turn)), exchange)
    if plan.keep and reply.conversation_id is None:
        logger.warning(
            "%s was asked to keep the conversation and did not; it knows only what is sent.",
            terms.endpoint.title,
        )


def telling_question(turn: Turn, flow: Flow[Reply]) -> Flow[Reply]:
    """A turn whose errors know what was asked, so that a stored answer can be found."""
    try:
        return (yield from flow)
    except AgentError as error:
        error.question = turn.messages[-1].content
        raise
