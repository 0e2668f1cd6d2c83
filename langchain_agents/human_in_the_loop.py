"""People in a graph: a node whose agent may ask one before it goes on."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from langchain_agents._errors import model_errors
from remote_agents.errors import ConfigurationError
from remote_agents.interrupts import is_interrupted, question_in
from remote_agents.json_types import JsonObject

if TYPE_CHECKING:
    from langchain_core.language_models import LanguageModelInput

Model: TypeAlias = "Runnable[LanguageModelInput, AIMessage]"


def ask_person(
    model: Model,
    *,
    then: str = "__end__",
    tools: str | None = None,
    messages_key: str = "messages",
) -> Runnable[Any, Any]:
    """A LangGraph node that asks the agent, and a person where the agent waits for one.

    When the agent's run waits, its message goes into the state and the node runs again, where it
    calls `interrupt()`: LangGraph runs a node from its start when it is resumed, and so nothing is
    posted twice. It keeps its own messages meanwhile, whatever other branches of the graph say.
    `Command(resume=...)` then answers the agent; where several wait, by the ids of the interrupts.
    A None is no answer: the person is asked again.

    Args:
        model: The chat model of the agent, with `bind_tools` where it may call tools of yours.
        then: The node that follows when the agent has answered; without it the graph ends. Add no
            edge from this node: an edge is followed while the agent waits too.
        tools: The node that runs those tools, such as LangGraph's `ToolNode`; give it an edge back
            to this one.
        messages_key: Where the state holds the messages.

    Returns:
        The node, sync and async. What `interrupt()` shows is a dict with the `question` and all
        `interrupts`.

    Example:
        >>> graph.add_node("agent", ask_person(model))  # doctest: +SKIP
        >>> graph.add_edge(START, "agent")  # doctest: +SKIP
    """
    node = _Node(model, then, tools or then, messages_key)
    return RunnableLambda(node.run, node.arun, name="ask_person")


class _Node:
    def __init__(self, model: Model, then: str, tools: str, key: str) -> None:
        self.model, self.then, self.tools, self.key = model, then, tools, key

    def run(self, state: object, config: RunnableConfig) -> Any:
        messages = self._messages(state)
        message = self.model.invoke(messages, config, **_answered(messages))
        return self._next(state, messages, message, config)

    async def arun(self, state: object, config: RunnableConfig) -> Any:
        messages = self._messages(state)
        message = await self.model.ainvoke(messages, config, **_answered(messages))
        return self._next(state, messages, message, config)

    def _messages(self, state: object) -> list[BaseMessage]:
        found = state[self.key] if isinstance(state, dict) else getattr(state, self.key)
        return convert_to_messages(found)

    def _next(
        self,
        state: object,
        messages: list[BaseMessage],
        message: AIMessage,
        config: RunnableConfig,
    ) -> Any:
        from langgraph.types import Command, Send

        itself = (config.get("metadata") or {}).get("langgraph_node")
        if itself is None:
            with model_errors():
                raise ConfigurationError("ask_person is a node of a LangGraph graph.")
        goto: Any = self.tools if message.tool_calls else self.then
        if is_interrupted(message.response_metadata):
            # With its own messages: in the graph's, other branches' may stand behind this one.
            goto = Send(itself, self._holding(state, [*messages, message]))
        return Command(update={self.key: [message]}, goto=goto)

    def _holding(self, state: object, messages: list[BaseMessage]) -> object:
        """A state of the same kind, with all else that it holds."""
        if isinstance(state, dict):
            return {**state, self.key: messages}
        held = copy(state)
        object.__setattr__(held, self.key, messages)  # it may be frozen
        return held


def _answered(messages: list[BaseMessage]) -> JsonObject:
    """What a person said to the newest message, if the agent waits for one."""
    from langgraph.types import interrupt

    if not messages or not is_interrupted(messages[-1].response_metadata):
        return {}
    told = messages[-1].response_metadata.get("interrupts") or [{}]
    asks = {"question": question_in(told), "interrupts": told}
    while (said := interrupt(asks)) is None:  # which says nothing: he is asked again
        pass
    return {"resume": said}
