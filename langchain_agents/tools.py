"""A hosted agent as a tool of another one."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.callbacks import (
    AsyncCallbackManagerForToolRun,
    CallbackManagerForToolRun,
)
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field

from langchain_agents._chat import ChatAgent
from langchain_agents._errors import model_errors
from remote_agents.errors import ConfigurationError


class Question(BaseModel):
    """What the tool is asked."""

    question: str = Field(description="The question or task for the agent, in full sentences.")


class AgentTool(BaseTool):
    """A hosted agent that another model can call; made by `agent_tool`."""

    model: ChatAgent
    args_schema: Any = Question
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"

    def _run(
        self,
        question: str,
        config: RunnableConfig,
        run_manager: CallbackManagerForToolRun | None = None,
    ) -> tuple[str, list[dict[str, Any]]]:
        callbacks = run_manager.get_child() if run_manager else None
        child: RunnableConfig = {**config, "callbacks": callbacks}
        return _output(self.model.invoke(question, child, **_session(config)))

    async def _arun(
        self,
        question: str,
        config: RunnableConfig,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
    ) -> tuple[str, list[dict[str, Any]]]:
        callbacks = run_manager.get_child() if run_manager else None
        child: RunnableConfig = {**config, "callbacks": callbacks}
        return _output(await self.model.ainvoke(question, child, **_session(config)))


def agent_tool(model: ChatAgent, *, name: str | None = None, description: str) -> AgentTool:
    """A tool that lets another model ask this agent.

    Within one thread (`session_id` or `thread_id` of the config) the agent's conversation goes on
    from call to call; without one each question stands alone. When the graph streams, so does the
    agent.

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
    if not isinstance(model, ChatAgent):
        with model_errors():
            raise ConfigurationError(
                f"agent_tool takes a chat model of this library, not {type(model).__name__}."
            )
    return AgentTool(model=model, name=name or model.endpoint.name, description=description)


def _session(config: RunnableConfig) -> dict[str, Any]:
    """The thread's session; a `conversation_id` in the config is the calling model's, not ours."""
    configurable = config.get("configurable") or {}
    for key in ("session_id", "thread_id"):
        if (value := configurable.get(key)) not in (None, ""):
            return {"session_id": str(value)}
    return {"memory": "client"} if configurable.get("conversation_id") else {}


def _output(answer: AIMessage) -> tuple[str, list[dict[str, Any]]]:
    return str(answer.text), list(answer.additional_kwargs.get("citations") or ())
