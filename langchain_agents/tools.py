"""A hosted agent as a tool of another one."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.callbacks import (
    AsyncCallbackManagerForToolRun,
    CallbackManagerForToolRun,
)
from langchain_core.messages import AIMessage
from langchain_core.runnables import ConfigurableFieldSpec, RunnableConfig
from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field

from langchain_agents._chat import ChatAgent, check_chat_model
from langchain_agents._dialogue import CONFIG_SPECS
from langchain_agents._errors import model_errors
from remote_agents.interrupts import raise_if_interrupted
from remote_agents.json_types import JsonObject
from remote_agents.memory.dialogue import NAMES, names_in


class Question(BaseModel):
    """What the tool is asked."""

    question: str = Field(description="The question or task for the agent, in full sentences.")


class AgentTool(BaseTool):
    """A hosted agent that another model can call; made by `agent_tool`."""

    model: ChatAgent
    args_schema: Any = Question
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """What of a config names the dialogue, as the model has it."""
        return CONFIG_SPECS

    def _run(
        self,
        question: str,
        config: RunnableConfig,
        run_manager: CallbackManagerForToolRun | None = None,
    ) -> tuple[str, list[JsonObject]]:
        child = _child(config, run_manager)
        return _output(self.model.invoke(question, child, **self._session(config)))

    async def _arun(
        self,
        question: str,
        config: RunnableConfig,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
    ) -> tuple[str, list[JsonObject]]:
        child = _child(config, run_manager)
        return _output(await self.model.ainvoke(question, child, **self._session(config)))

    def _session(self, config: RunnableConfig) -> JsonObject:
        """A session of the tool's own in the thread, so that its conversation is nobody else's."""
        with model_errors():
            found = names_in(config.get("configurable") or {})
        thread = [found[name] for name in NAMES if name in found]
        if not thread or self.model.memory == "client":
            return {}
        # A model that is tagged so that nobody sees it stream has a conversation all the same.
        return {"session_id": "/".join([*thread, self.name]), "memory": self.model.memory}


def agent_tool(model: ChatAgent, *, name: str | None = None, description: str) -> AgentTool:
    """A tool that lets another model ask this agent.

    Within one thread (`thread_id` or `session_id` of the config) the agent has a conversation of
    its own, which goes on from call to call, unless it has `memory="client"`; without a thread each
    question stands alone. When the graph streams, so does the agent.

    Args:
        model: The agent.
        name: Name of the tool (default: the service's, for example `bluenexus`).
        description: Tells the calling model when to ask this agent.

    Returns:
        The tool: its content is the answer's text, its artifact the list of citations.

    Raises:
        ConfigurationError: `model` is no chat model of this library.

    Example:
        >>> handbook = agent_tool(model, description="Knows the rules.")  # doctest: +SKIP
        >>> create_agent(supervisor, tools=[handbook])  # doctest: +SKIP
    """
    check_chat_model("agent_tool", model)
    return AgentTool(model=model, name=name or model.endpoint.name, description=description)


def _child(
    config: RunnableConfig,
    run_manager: CallbackManagerForToolRun | AsyncCallbackManagerForToolRun | None,
) -> RunnableConfig:
    """The config of the model's run; the history of the caller's chain is not the tool's."""
    configurable = dict(config.get("configurable") or {})
    configurable.pop("message_history", None)
    callbacks = run_manager.get_child() if run_manager else None
    child: RunnableConfig = {**config, "callbacks": callbacks, "configurable": configurable}
    child.pop("run_name", None)  # the tool's own
    child.pop("run_id", None)
    return child


def _output(answer: AIMessage) -> tuple[str, list[JsonObject]]:
    with model_errors():
        raise_if_interrupted(answer.response_metadata)
    return str(answer.text), list(answer.additional_kwargs.get("citations") or ())
