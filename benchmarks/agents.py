"""A LlamaIndex workflow over either kind of LLM."""

from __future__ import annotations

from typing import Any

from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent


def workflow_for(llm: Any) -> AgentWorkflow:
    """One agent: FunctionAgent, which takes only an LLM that calls functions, or ours."""
    from llamaindex_agents import RemoteWorkflowAgent

    kind: Any = FunctionAgent if llm.metadata.is_function_calling_model else RemoteWorkflowAgent
    return AgentWorkflow([kind(name="agent", description="Answers.", llm=llm)])
