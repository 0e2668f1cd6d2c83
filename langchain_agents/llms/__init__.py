"""The text models: a module a service, and the generic one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_agents._lazy import lazy

_HOMES = {
    "langchain_agents._llm": ("AgentLLM",),
    "langchain_agents.llms.ag_ui": ("AGUILLM",),
    "langchain_agents.llms.bluenexus": ("BlueNexusLLM",),
    "langchain_agents.llms.cloudbase": ("CloudBaseLLM",),
    "langchain_agents.llms.cloudbase_openai": ("CloudBaseOpenAILLM",),
    "langchain_agents.llms.maiagent": ("MaiAgentLLM",),
    "langchain_agents.llms.private_ai": ("PrivateAILLM",),
}

if TYPE_CHECKING:
    from langchain_agents._llm import AgentLLM as AgentLLM
    from langchain_agents.llms.ag_ui import AGUILLM as AGUILLM
    from langchain_agents.llms.bluenexus import BlueNexusLLM as BlueNexusLLM
    from langchain_agents.llms.cloudbase import CloudBaseLLM as CloudBaseLLM
    from langchain_agents.llms.cloudbase_openai import CloudBaseOpenAILLM as CloudBaseOpenAILLM
    from langchain_agents.llms.maiagent import MaiAgentLLM as MaiAgentLLM
    from langchain_agents.llms.private_ai import PrivateAILLM as PrivateAILLM

__all__, __getattr__, __dir__ = lazy(__name__, _HOMES)
