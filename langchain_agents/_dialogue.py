"""Whose conversation a call belongs to, read where every entry point begins.

BaseChatModel hands callbacks and tags down, not `configurable`; so what names the dialogue is read
from the config here, and travels as arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.runnables import ConfigurableFieldSpec, RunnableConfig, ensure_config

from langchain_agents._errors import model_errors
from remote_agents.agent import Agent
from remote_agents.concealed import conceal
from remote_agents.errors import ConfigurationError
from remote_agents.json_types import Arguments
from remote_agents.memory.dialogue import FoundNames, names_in, without_absent
from remote_agents.memory.sessions import current_session
from remote_agents.unknown_names import unknown_in_call

NOSTREAM = "nostream"  # LangGraph's tag for calls that are not shown, as of its middleware
RUNTIME = "__pregel_runtime"  # where LangGraph keeps the context of a run


def with_dialogue(
    agent: Agent, tags: Sequence[str] | None, config: RunnableConfig, kwargs: Arguments
) -> Arguments:
    """The arguments of a call, with what names its dialogue.

    Args:
        agent: Who is asked.
        tags: Those of the model, which each call of it has too.
        config: Its `configurable` may name the dialogue and whoever asks.
        kwargs: The call's own arguments, which win.

    Returns:
        The arguments; `dialogue` holds the names that were found.
    """
    if not isinstance(kwargs.get("dialogue"), FoundNames):
        _refuse_names(agent, kwargs)
    configurable: Mapping[str, Any] = config.get("configurable") or {}
    with model_errors():
        found = _context(configurable, agent)
        found.update(names_in(configurable, agent.dialogue_keys))
    call = without_absent(conceal(kwargs)) if kwargs else {}
    if not call.get("memory") and NOSTREAM in (*(tags or ()), *(config.get("tags") or ())):
        call["memory"] = "client"
    history = configurable.get("message_history")
    if history is not None:
        call["cleared"] = True
        if not call.get("conversation_id") and (own := _own_conversation(history, agent)):
            call["conversation_id"] = own
    thread = found.get("thread_id") or found.get("conversation_id")
    alone = None if thread else found.get("session_id")
    # As arguments, since tracers group turns by these.
    if session_id := call.get("session_id") or current_session() or alone:
        call["session_id"] = session_id
    elif thread:
        call["thread_id"] = thread
    return {**call, "dialogue": found}


def _refuse_names(agent: Agent, kwargs: Arguments) -> None:
    """Refuse as arguments what is named in `configurable`."""
    for name in ("thread_id", "dialogue"):
        if kwargs.get(name) is not None:
            with model_errors():
                raise ConfigurationError(unknown_in_call(agent.endpoint, name))


def with_context(agent: Agent, tags: Sequence[str] | None, kwargs: Arguments) -> Arguments:
    """The arguments of a call that may have come past `invoke`, as those of classic chains do.

    What surrounds such a call is all that names its dialogue: a chain, a graph's node.
    """
    return kwargs if "dialogue" in kwargs else with_dialogue(agent, tags, ensure_config(), kwargs)


def in_thread(call: Mapping[str, Any]) -> bool:
    """Whether a call belongs to a thread, and to no session or conversation by argument."""
    named = call.get("session_id") or call.get("conversation_id")
    return not named and "thread_id" in (call.get("dialogue") or {})


def _context(configurable: Mapping[str, Any], agent: Agent) -> FoundNames:
    """Who asks, by LangGraph's context of a run."""
    context = getattr(configurable.get(RUNTIME), "context", None)
    return names_in({} if context is None else context, agent.dialogue_keys, ids=False)


def _own_conversation(history: object, agent: Agent) -> str | None:
    """The conversation of a history that the agent's own service keeps."""
    from langchain_agents.chat_history import RemoteChatMessageHistory  # loads the plain client

    if not isinstance(history, RemoteChatMessageHistory):
        return None
    return history.conversation_id if history.client.agent.name == agent.name else None


class NamedSpec(ConfigurableFieldSpec):
    """A name in the config, as LangChain declares it.

    A chain refuses two declarations of one name that differ in anything, its description included;
    this one gives way to an application's own.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConfigurableFieldSpec) and other.id == self.id

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.id)


CONFIG_SPECS: list[ConfigurableFieldSpec] = [
    NamedSpec(
        id="session_id",
        annotation=str,
        name="Session ID",
        description="Unique identifier for a session.",
        default="",
        is_shared=True,
    ),
    NamedSpec(
        id="thread_id",
        annotation=str,
        name="Thread ID",
        description="LangGraph's thread, whose memory is the history in its checkpoints.",
        default="",
        is_shared=True,
    ),
]
