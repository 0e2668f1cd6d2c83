"""One turn, from the caller's messages to the last event."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from remote_agents.arguments.parameters import check_call, read_stops
from remote_agents.arguments.values import read_memory
from remote_agents.callers import warn_of_turn
from remote_agents.client_tools import tool_names
from remote_agents.errors import (
    AgentError,
    AgentStatusError,
    AgentTimeoutError,
    ConfigurationError,
    ConversationError,
    ConversationNotFoundError,
    UnsupportedContentError,
)
from remote_agents.flow import Flow
from remote_agents.memory.accounts import is_lasting
from remote_agents.memory.dialogue import (
    Dialogue,
    FoundNames,
    Kind,
    dialogue_of,
    find_dialogue_name,
    is_nonce,
    new_nonce,
)
from remote_agents.memory.lease import Lease, ask_store
from remote_agents.memory.marks import Sealer, sealer_for
from remote_agents.memory.plan import Plan
from remote_agents.memory.prompt import Prompt
from remote_agents.memory.standing import Standing
from remote_agents.settings import Memory
from remote_agents.turns.clock import Exchange, account_of
from remote_agents.turns.errors import tell_what_is_known
from remote_agents.turns.memory_warnings import ConversationRestartedWarning, log_plan
from remote_agents.turns.note import Note
from remote_agents.turns.operations import answered
from remote_agents.turns.terms import Terms
from remote_agents.types import Interrupt, Message, Turn

logger = logging.getLogger(__name__)

_OURS = frozenset({"stop", "streaming"})


def take_turn(
    terms: Terms,
    messages: Sequence[Message],
    *,
    stream: bool,
    conversation_id: str | None = None,
    session_id: str | None = None,
    dialogue: FoundNames | None = None,
    cleared: bool = False,
    latest: bool = False,
    memory: Memory | None = None,
    resume: object = None,
    **parameters: object,
) -> Flow[None]:
    """One turn as a flow that emits its events, the last of them `Finish`.

    Args:
        terms: The agent that is asked.
        messages: The whole prompt: system messages, history, the new message.
        stream: Whether the answer is asked for piece by piece.
        conversation_id: A conversation of the service to continue.
        session_id: Your own key for the dialogue; its conversation is remembered.
        dialogue: What a framework's configuration names: `thread_id`, `session_id`,
            `conversation_id`, and who asks.
        cleared: Whether a prompt without a history begins anew even in a session.
        latest: Whether it goes to the session's latest conversation, whatever its history.
        memory: Overrides the agent's mode for this turn.
        resume: What a person answered to a run that waits; no new message is sent.
        **parameters: The endpoint's parameters, for this turn.

    Raises:
        AgentError: See `remote_agents.errors`.
    """
    told = check_call(terms.endpoint, parameters) if parameters else {}
    tools = tool_names(told["tools"]) if "tools" in told else ()
    resumes = resume is not None
    prompt = Prompt(messages, terms.endpoint, terms.name, terms.fold, resumes=resumes, tools=tools)
    asking = _Asking(terms, prompt, {**terms.options, **told}, stream)
    mode = read_memory(memory) if memory else terms.memory
    if resume is not None:
        marked = mode != "client"
        return asking.naming(asking.resumed(resume, dialogue, session_id, conversation_id, marked))
    name = find_dialogue_name(dialogue, session_id=session_id, conversation_id=conversation_id)
    if mode == "client" or terms.endpoint.keeps == "none" or (name is None and mode == "auto"):
        return asking.naming(asking.post(asking.prompt.alone(), None))
    return asking.naming(asking.in_dialogue(name, cleared=cleared, latest=latest))


@dataclass(slots=True)
class _Asking:
    """What the steps of a turn share."""

    terms: Terms
    prompt: Prompt
    options: Mapping[str, Any]
    stream: bool
    interrupts: Sequence[Interrupt] = ()
    clock: Exchange | None = None  # of a turn that had to wait for its conversation

    def naming(self, flow: Flow[None]) -> Flow[None]:
        """The same flow, whose errors name the endpoint though nothing may have gone out."""
        try:
            yield flow
        except AgentError as error:
            error.endpoint = error.endpoint or self.terms.endpoint.name
            raise

    def resumed(
        self,
        answer: object,
        dialogue: FoundNames | None,
        session_id: str | None,
        conversation_id: str | None,
        marked: bool,
    ) -> Flow[None]:
        """Go on with the run that waits for a person, in the conversation where it waits."""
        endpoint, message = self.terms.endpoint, self.prompt.waiting()
        origin = message.origin if message is not None else None
        where = conversation_id or (origin.conversation_id if origin else None)
        if not endpoint.tools or (where is None and session_id is None):
            raise ConfigurationError(
                f"There is nothing to resume: {endpoint.title} "
                + (
                    "has no run that waits in these messages; pass the message with "
                    'finish_reason="interrupt", or conversation_id=.'
                    if endpoint.tools
                    else "asks no person while it answers."
                ),
                endpoint=endpoint.name,
            )
        self.options = {**self.options, "resume": answer}
        self.interrupts = origin.interrupts if origin else ()
        name = find_dialogue_name(dialogue, session_id=session_id, conversation_id=None)
        foreign = marked and conversation_id is None and name is not None
        return self.in_dialogue(name, resumes=where or "", foreign=foreign)

    def in_dialogue(
        self,
        name: tuple[Kind, dict[str, str]] | None,
        *,
        cleared: bool = False,
        latest: bool = False,
        resumes: str | None = None,
        foreign: bool = False,
    ) -> Flow[None]:
        """A turn of a dialogue, which leaves a note of where the conversation stands."""
        terms, self.clock = self.terms, Exchange(self.terms)
        left = self.clock.left
        account = yield from account_of(self.clock)
        store = terms.store
        seal_key = terms.learned.seal_key or (yield from ask_store(store, terms.seal_key, left))
        sealer = sealer_for(seal_key, account, terms.name)
        kind, parts = name or ("nonce", {})
        if kind in ("session", "thread"):
            parts = {**terms.askers_in(self.options), **parts}
        if name:
            dialogue = dialogue_of(kind, parts, account, terms.name)
        else:
            dialogue = self._unnamed(sealer, account)
        title = f"{kind} {' '.join(parts.values())}" if name else "this dialogue"
        lease = Lease(store, dialogue.key, terms.session_wait, left, title)
        yield from lease.opening(streamed=self.stream)
        standing = Standing(self.prompt, dialogue, sealer, account)
        if resumes is None:
            plan = yield from _planned(standing, lease, parts, cleared=cleared, latest=latest)
        else:
            # Whether a message is of this dialogue is told where its mark can be read.
            foreign = foreign and is_lasting(seal_key)
            plan = yield from _resumed(standing, lease, resumes, foreign=foreign)
            self.interrupts = self.interrupts or _waited_for(plan)
        yield from self._follow(plan, lease, standing)

    def _unnamed(self, sealer: Sealer, account: str) -> Dialogue:
        """A dialogue that only its replies name: by a nonce, or as one that was read back."""
        mark, agent = self.prompt.newest_mark(sealer), self.terms.name
        if mark is not None and not is_nonce(mark.dialogue):
            read = {"conversation": mark.conversation_id}
            dialogue = dialogue_of("conversation", read, account, agent)
            if dialogue.shown == mark.dialogue:
                return replace(dialogue, kind="nonce")
            mark = None  # a session's, which only that session goes on with
        nonce = mark.dialogue if mark is not None else new_nonce()
        return dialogue_of("nonce", {"nonce": nonce}, account, agent)

    def _follow(self, plan: Plan, lease: Lease, standing: Standing) -> Flow[None]:
        """Send a plan; start anew where the service has lost the conversation."""
        try:
            yield from self.post(plan, Note(lease, standing, plan))
            return
        except AgentError as error:
            if plan.conversation is None or not self.terms.endpoint.is_lost(error):
                raise
            error.conversation_id = lost = plan.conversation_id
            if plan.reason == "resume" or (self.prompt.bare and not standing.has_all_of(plan)):
                raise self._not_found(error, plan) from error
        warn_of_turn(
            f"{self.terms.endpoint.title} no longer has conversation {lost}; a new one was started "
            "with the whole history.",
            ConversationRestartedWarning,
        )
        plan = standing.anew("lost")
        yield from self.post(plan, Note(lease, standing, plan))

    def _not_found(self, error: AgentError, plan: Plan) -> ConversationNotFoundError:
        became = (
            "the run that waited in it is gone too. Ask again without resume=."
            if plan.reason == "resume"
            else "its earlier turns are not at hand to start it anew. Pass the whole history, or "
            "forget the session."
        )
        return ConversationNotFoundError(
            f"{self.terms.endpoint.title} no longer has conversation {plan.conversation_id}, and "
            f"{became}",
            endpoint=self.terms.endpoint.name,
            conversation_id=plan.conversation_id,
            request_id=error.request_id,
        )

    def post(self, plan: Plan, note: Note | None) -> Flow[None]:
        """Send a plan, and note what becomes of it."""
        terms, given = self.terms, self.options.get("stop")
        stop = read_stops(given) if given else ()
        native = "stop" in terms.endpoint.parameters
        turn = self._turn(plan, stop if native else ())
        exchange = Exchange(terms, stop=() if native else stop, note=note)
        exchange.started = self.clock.started if self.clock else exchange.started
        try:
            reply = yield answered(turn, exchange)
        except AgentError as error:
            tell_what_is_known(error, exchange, exchange.reply)  # the service's own flow raises too
            error.begun = error.begun or exchange.may_have_run
            if not (isinstance(error, _LEFT) and may_have_run(error)):
                exchange.if_left = None  # it broke off by itself, and its answer may be stored
            if turn.messages:  # so that a stored answer to it can be found
                error.question = turn.messages[-1].content
            if note is not None and not may_have_run(error):
                note.refused()
            raise
        if plan.keep and reply.conversation_id is None:
            logger.warning(
                "%s was asked to keep the conversation and did not; it knows only what is sent.",
                terms.endpoint.title,
            )

    def _turn(self, plan: Plan, stop: Sequence[str]) -> Turn:
        """What the service is asked; `stop` where it knows how to stop."""
        endpoint = self.terms.endpoint
        sent = {k: v for k, v in self.options.items() if v is not None and k not in _OURS}
        if stop:
            sent["stop"] = list(stop)
        return Turn(
            self.terms.agent_id,
            plan.messages,
            stream=self.stream,
            conversation_id=plan.conversation_id,
            keep=plan.keep,
            options=sent,
            parameters={name: sent[name] for name in endpoint.parameters if name in sent},
            history=plan.history,
            interrupts=self.interrupts,
            moved_on=plan.moved_on,
        )


def may_have_run(error: AgentError) -> bool:
    """Whether the turn may have run, so that the conversation holds its question."""
    if error.begun:
        return True
    if error.safe_to_repeat or isinstance(error, _BEFORE):
        return False
    status = error.status_code if isinstance(error, AgentStatusError) else 500
    return status >= 500 or status in (408, 409)


# What is raised before a request goes out.
_BEFORE = (ConfigurationError, UnsupportedContentError, ConversationError)
# By what a turn is left: a limit passed, or its stream was not read on.
_LEFT = (AgentTimeoutError, ConversationError)


def _planned(
    standing: Standing, lease: Lease, name: Mapping[str, str], *, cleared: bool, latest: bool
) -> Flow[Plan]:
    """What is sent, by what is known of the dialogue; its conversation is taken."""
    kind = standing.dialogue.kind
    if kind == "conversation":
        return (yield from _in_order(lease, standing, lambda: standing.following(name[kind])))
    if kind == "session" and latest:
        return (yield from _in_order(lease, standing, standing.latest))
    if kind == "session" and standing.prompt.bare and not cleared:
        plan = yield from _in_order(lease, standing, standing.next_of_session)
    else:
        plan = yield from _at_once(lease, standing)
    log_plan(plan, standing, lease.store)
    return plan


def _at_once(lease: Lease, standing: Standing) -> Flow[Plan]:
    """What goes on, unless a turn of it is under way; else a new conversation."""
    standing.learn((yield from lease.expected()))
    plan = standing.continued()
    if plan is not None and (yield from lease.taking(plan.conversation)):
        return plan
    if lease.guess is not None:
        return (yield from _at_once(lease, standing))
    plan = standing.anew("under_way" if plan else None)
    yield from lease.taking(None)
    return plan


def _resumed(
    standing: Standing, lease: Lease, conversation_id: str, *, foreign: bool
) -> Flow[Plan]:
    """The plan that goes on with a run that waits; of a session, in its latest conversation.

    What a message says of its conversation may be `foreign`: histories come from browsers too.
    """
    standing.learn((yield from lease.known()))
    if not conversation_id and not standing.known:
        raise ConfigurationError("There is nothing to resume: the session has no conversation.")
    if conversation_id and foreign and not standing.has_had(conversation_id):
        raise ConfigurationError(
            "There is nothing to resume: the message that waits is of no conversation of this "
            "session or thread. Pass conversation_id= if that is yours."
        )
    plan = standing.resumed(conversation_id or standing.known[0].conversation_id)
    yield from lease.taking(plan.conversation)
    return plan


def _waited_for(plan: Plan) -> list[Interrupt]:
    """What a run waits for, as the store has it: who resumes a session needs no message."""
    waits = plan.conversation.waits if plan.conversation else ()
    return [Interrupt(name, answered_by=by) for name, by in waits]


def _in_order(lease: Lease, standing: Standing, plan_next: Callable[[], Plan]) -> Flow[Plan]:
    """One turn after the other, in the order in which they were asked."""
    again = False
    while True:
        standing.learn((yield from lease.wait(again=again)))
        plan = plan_next()
        if (yield from lease.taking(plan.conversation, alone=True)):
            return plan
        again = lease.guess is None  # else it was wrong
