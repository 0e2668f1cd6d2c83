"""Memory: which messages are new, and which conversation they belong to.

`plan_turn` is pure: messages, ids and the session in, what to send out. `docs/memory.md` draws it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

from remote_agents.errors import ConversationForkedError, UnsupportedContentError
from remote_agents.types import Attachment, Message, Origin, Role

if TYPE_CHECKING:
    from remote_agents.memory.sessions import Session
    from remote_agents.service import Endpoint

Memory = Literal["auto", "server", "client"]
Fold = Callable[[Sequence[Message]], str]
MEMORY_MODES = ("auto", "server", "client")
ROLES = frozenset(get_args(Role))


def _no_restart() -> None:
    return None


@dataclass(slots=True)
class Plan:
    """What one turn sends, and where.

    Args:
        messages: What is sent, in roles that the endpoint takes.
        conversation_id: The conversation it continues, if any.
        keep: Whether the service is asked to keep a new conversation.
        turn: The place of the coming reply in its conversation; None if it is not known.
        sent: Digests of the system messages that this turn sends.
        seen: Digests of all system messages that the conversation will hold.
        owner: Digest of the caller's session, if there is one.
        restart: Gives the plan that starts anew with the whole history; None if that loses some.
    """

    messages: list[Message]
    conversation_id: str | None = None
    keep: bool = False
    turn: int | None = None
    sent: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    owner: str | None = None
    restart: Callable[[], Plan | None] = _no_restart


def plan_turn(
    messages: Sequence[Message],
    *,
    endpoint: Endpoint,
    agent: str,
    memory: Memory = "auto",
    conversation_id: str | None = None,
    session: Session | None = None,
    owner: str | None = None,
    fold: Fold | None = None,
) -> Plan:
    """Decide what a turn sends.

    Args:
        messages: The whole prompt: system messages, history, the new message.
        endpoint: The facts of the service.
        agent: `provider:agent_id@host`; ids of other agents in the history are not ours.
        memory: `auto`, `server` or `client`.
        conversation_id: An id that the caller names; it is followed as it is.
        session: The caller's session, empty if it is new; None without one.
        owner: Digest of its name; ids of other sessions in the history are not ours either.
        fold: Turns messages into one text where the endpoint takes no roles or no history.

    Returns:
        The plan.

    Raises:
        UnsupportedContentError: There is nothing to send.
        ConversationForkedError: The history branches off its conversation and is not whole.

    Example:
        >>> from remote_agents.services import ENDPOINTS
        >>> plan = plan_turn([Message("user", "Hi")], endpoint=ENDPOINTS["bluenexus"], agent="a")
        >>> plan.conversation_id, [m.content for m in plan.messages]
        (None, ['Hi'])
    """
    if not messages:
        raise UnsupportedContentError("There is no message to send; pass at least one.")
    prompt = _Prompt(messages, endpoint, agent, owner, fold or fold_messages)
    if endpoint.keeps == "none" or memory == "client":
        return prompt.anew(keep=False)
    at, origin = newest_origin(messages, agent, owner)
    known = session if session is not None and session.conversation_id else None
    if origin and known and not conversation_id and _forked(origin, known):
        return prompt.fork(at, origin)
    target = conversation_id or (known or origin or _NOWHERE).conversation_id
    if target is None:
        return prompt.anew(keep=memory == "server" or session is not None)
    return prompt.continued(target, known)


def _forked(origin: Origin, known: Session) -> bool:
    """Whether the history's last reply is not the conversation's last turn.

    A history that is ahead of the session is no fork: its last turns ran without the session.
    """
    if origin.conversation_id != known.conversation_id:
        return True
    if origin.turn is not None and known.turns is not None and origin.turn != known.turns:
        return origin.turn < known.turns
    return None not in (origin.reply_id, known.last_reply) and origin.reply_id != known.last_reply


class _Nowhere:
    conversation_id = None


_NOWHERE = _Nowhere()


@dataclass(slots=True)
class _Prompt:
    """A caller's whole prompt, and the ways to send it."""

    messages: Sequence[Message]
    endpoint: Endpoint
    agent: str
    owner: str | None
    fold: Fold

    def anew(self, *, keep: bool) -> Plan:
        """Everything, to no conversation or a new one."""
        everything = list(self.messages)
        check_content(everything, self.endpoint)
        digests = _digests(everything)
        return Plan(
            messages=_shaped(everything, self.endpoint, self.fold, one=keep),
            keep=keep,
            turn=1 + self._replies(everything),
            sent=digests,
            seen=digests,
            owner=self.owner,
        )

    def fork(self, at: int, origin: Origin) -> Plan:
        """Everything, to a new conversation; refused where turns are missing before `at`."""
        if not self._is_whole(at, origin.turn):
            raise ConversationForkedError(
                "The history branches off its conversation, and its earlier turns are not at hand "
                "to replay them into a new one. Pass the whole history, or use a new session.",
                conversation_id=origin.conversation_id,
            )
        return self.anew(keep=True)

    def continued(self, target: str, known: Session | None) -> Plan:
        """What the conversation has not seen."""
        at, turns, seen, systems = self._standing(target, known)
        tail = [
            message
            for message in (*systems, *self.messages[at + 1 :])
            if message.role != "system" or digest(message) not in seen
        ]
        if not tail:
            raise UnsupportedContentError(
                "There is no new message: the history ends with the agent's own reply."
            )
        check_content(tail, self.endpoint)
        sent = _digests(tail)
        return Plan(
            messages=_shaped(tail, self.endpoint, self.fold, one=True),
            conversation_id=target,
            turn=None if turns is None else turns + 1,
            sent=sent,
            seen=(*seen, *sent),
            owner=self.owner,
            restart=partial(self._restarted, at, turns),
        )

    def _standing(
        self, target: str, known: Session | None
    ) -> tuple[int, int | None, dict[str, None], list[Message]]:
        """Index of the conversation's last reply, its turns, and the system messages it has.

        The last are the system messages before that reply, which may be new all the same.
        """
        at, unmarked, newest = -1, -1, None
        seen = dict.fromkeys(known.seen if known else ())
        systems: list[tuple[int, Message]] = []
        for index, message in enumerate(self.messages):
            role = message.role
            if role == "user":
                continue
            if role == "system":
                systems.append((index, message))
            if role != "assistant":
                continue
            origin = message.origin
            if origin is None:
                unmarked = index
            elif origin.conversation_id == target and _is_ours(origin, self.agent, self.owner):
                at, newest = index, origin
                if origin.seen:
                    seen.update(dict.fromkeys(origin.seen))
        if newest is None:
            # A reply that lost its metadata is taken for the conversation's last.
            at = unmarked
            turns = known.turns if known else self._replies(self.messages[: at + 1]) or None
        else:
            turns = _latest(known.turns if known else None, newest.turn)
        return at, turns, seen, [message for index, message in systems if index < at]

    def _restarted(self, at: int, turns: int | None) -> Plan | None:
        return self.anew(keep=True) if self._is_whole(at, turns) else None

    def _is_whole(self, at: int, turns: int | None) -> bool:
        """Whether the history up to `at` holds every turn; None turns means it began elsewhere."""
        return turns is not None and self._replies(self.messages[: at + 1]) >= max(turns, 1)

    def _replies(self, messages: Sequence[Message]) -> int:
        """How many messages are replies, but for those of other agents."""
        return sum(
            1
            for message in messages
            if message.role == "assistant"
            and (message.origin is None or message.origin.agent == self.agent)
        )


def _is_ours(origin: Origin, agent: str, owner: str | None) -> bool:
    return origin.agent == agent and (
        owner is None or origin.session is None or origin.session == owner
    )


def _latest(*turns: int | None) -> int | None:
    return max((count for count in turns if count is not None), default=None)


def newest_origin(
    messages: Sequence[Message], agent: str, owner: str | None = None
) -> tuple[int, Origin | None]:
    """Index and origin of the newest message that this agent wrote; -1 if there is none.

    Args:
        messages: A history.
        agent: `provider:agent_id@host`.
        owner: Digest of the session: what the agent wrote in another session does not count.
    """
    for back, message in enumerate(reversed(messages), 1):
        origin = message.origin
        if origin is not None and _is_ours(origin, agent, owner):
            return len(messages) - back, origin
    return -1, None


def check_content(messages: Sequence[Message], endpoint: Endpoint) -> None:
    """Refuse what an endpoint cannot be sent.

    Raises:
        UnsupportedContentError: Names the role, or the kind of file, and the endpoint.
    """
    for message in messages:
        if message.role not in ROLES:
            raise UnsupportedContentError(
                f"A message has the role {message.role!r}; roles are {', '.join(sorted(ROLES))}.",
                endpoint=endpoint.name,
            )
        for file in message.attachments:
            if not isinstance(file, Attachment):
                raise UnsupportedContentError(
                    f"attachments is a list of Attachment, not of {type(file).__name__}.",
                    endpoint=endpoint.name,
                )
            if file.kind not in endpoint.attachments:
                takes = ", ".join(sorted(endpoint.attachments)) or "text only"
                raise UnsupportedContentError(
                    f"{endpoint.title} does not take {file.kind} blocks; it takes {takes}.",
                    endpoint=endpoint.name,
                )


def digest(message: Message) -> str:
    """A short digest of a system message, to know it again without keeping its text."""
    return short_digest(message.content)


def short_digest(text: str) -> str:
    """Twelve characters that stand for a text."""
    return hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=6).hexdigest()


def _digests(messages: Sequence[Message]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(digest(m) for m in messages if m.role == "system"))


# --- folding -----------------------------------------------------------------------------------


def _shaped(
    messages: Sequence[Message], endpoint: Endpoint, fold: Fold, *, one: bool
) -> list[Message]:
    """The messages in the roles and number that the endpoint takes; nothing is dropped.

    `one` says that they go to a conversation, where some endpoints take a single message.
    """
    if not endpoint.history or (endpoint.one_message and one):
        return [_one(messages, fold)]
    shaped: list[Message] = []
    waiting: list[Message] = []
    for message in messages:
        if message.role not in endpoint.roles:
            waiting.append(message)
            continue
        if waiting:
            joined = [*waiting, message] if message.role == "user" else waiting
            shaped.append(_one(joined, fold))
        if not waiting or message.role != "user":
            shaped.append(message)
        waiting = []
    if waiting:
        shaped.append(_one(waiting, fold))
    elif endpoint.one_message and shaped[-1].role != "user":
        shaped.append(_one([shaped.pop()], fold))
    return shaped


def _one(messages: Sequence[Message], fold: Fold) -> Message:
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0]
    files: list[Attachment] = [file for message in messages for file in message.attachments]
    return Message("user", fold(messages), files)


def fold_messages(messages: Sequence[Message]) -> str:
    """Messages as one text, for endpoints that take no system role or no history.

    System messages come first, then the earlier dialogue, then the last user message:

        {system messages}

        Conversation so far:
        User: ...
        Assistant: ...

        {last user message}

    Args:
        messages: What is to be sent, in order.

    Returns:
        One text. Pass your own function as `fold=` to word it differently.

    Example:
        >>> print(fold_messages([Message("system", "Be brief."), Message("user", "Hi")]))
        Be brief.
        <BLANKLINE>
        Hi
    """
    systems = [m.content for m in messages if m.role == "system" and m.content]
    dialogue = [m for m in messages if m.role != "system"]
    last = dialogue.pop().content if dialogue and dialogue[-1].role == "user" else ""
    parts = systems
    if dialogue:
        lines = [f"{_SPEAKERS[m.role]}: {m.content}" for m in dialogue]
        parts = [*systems, "\n".join(["Conversation so far:", *lines])]
    return "\n\n".join([*parts, last] if last else parts)


_SPEAKERS = {"user": "User", "assistant": "Assistant", "tool": "Tool result"}
