"""Hosted agents as LangChain chat models, LLMs, retrievers and tools.

    from langchain_agents import ChatBlueNexus
    model = ChatBlueNexus()                   # key from BLUENEXUS_API_KEY
    print(model.invoke("What meetings do I have today?").text)

Nothing is imported until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_agents._lazy import lazy
from remote_agents.extras import require

require("langchain_agents", "langchain", "langchain_core")

_HOMES = {
    "langchain_agents._errors": ("ToolsNotSupportedError",),
    "langchain_agents.chat_history": ("RemoteChatMessageHistory",),
    "langchain_agents.chat_models": (
        "ChatAGUI",
        "ChatAgent",
        "ChatBlueNexus",
        "ChatCloudBase",
        "ChatCloudBaseOpenAI",
        "ChatMaiAgent",
        "ChatPrivateAI",
    ),
    "langchain_agents.document_loaders": ("AgentRecordsLoader",),
    "langchain_agents.human_in_the_loop": ("ask_person",),
    "langchain_agents.llms": (
        "AGUILLM",
        "AgentLLM",
        "BlueNexusLLM",
        "CloudBaseLLM",
        "CloudBaseOpenAILLM",
        "MaiAgentLLM",
        "PrivateAILLM",
    ),
    "langchain_agents.retrievers": ("AgentRetriever",),
    "langchain_agents.tools": ("agent_tool",),
}

if TYPE_CHECKING:
    from langchain_agents._errors import ToolsNotSupportedError as ToolsNotSupportedError
    from langchain_agents.chat_history import RemoteChatMessageHistory as RemoteChatMessageHistory
    from langchain_agents.chat_models import (
        ChatAgent as ChatAgent,
        ChatAGUI as ChatAGUI,
        ChatBlueNexus as ChatBlueNexus,
        ChatCloudBase as ChatCloudBase,
        ChatCloudBaseOpenAI as ChatCloudBaseOpenAI,
        ChatMaiAgent as ChatMaiAgent,
        ChatPrivateAI as ChatPrivateAI,
    )
    from langchain_agents.document_loaders import AgentRecordsLoader as AgentRecordsLoader
    from langchain_agents.human_in_the_loop import ask_person as ask_person
    from langchain_agents.llms import (
        AGUILLM as AGUILLM,
        AgentLLM as AgentLLM,
        BlueNexusLLM as BlueNexusLLM,
        CloudBaseLLM as CloudBaseLLM,
        CloudBaseOpenAILLM as CloudBaseOpenAILLM,
        MaiAgentLLM as MaiAgentLLM,
        PrivateAILLM as PrivateAILLM,
    )
    from langchain_agents.retrievers import AgentRetriever as AgentRetriever
    from langchain_agents.tools import agent_tool as agent_tool

__all__, __getattr__, __dir__ = lazy(__name__, _HOMES)
