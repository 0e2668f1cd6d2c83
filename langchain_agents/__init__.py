"""Hosted agents as LangChain chat models, LLMs, retrievers and tools.

    from langchain_agents import ChatBlueNexus
    model = ChatBlueNexus()                   # key from BLUENEXUS_API_KEY
    print(model.invoke("What meetings do I have today?").text)

Nothing is imported until it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "langchain_agents.chat_history": ("RemoteChatMessageHistory",),
    "langchain_agents.chat_models": (
        "ChatAgent",
        "ChatBlueNexus",
        "ChatCloudBase",
        "ChatCloudBaseOpenAI",
        "ChatMaiAgent",
        "ChatPrivateAI",
    ),
    "langchain_agents.document_loaders": ("AgentRecordsLoader",),
    "langchain_agents.llms": (
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
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if TYPE_CHECKING:
    from langchain_agents.chat_history import RemoteChatMessageHistory
    from langchain_agents.chat_models import (
        ChatAgent,
        ChatBlueNexus,
        ChatCloudBase,
        ChatCloudBaseOpenAI,
        ChatMaiAgent,
        ChatPrivateAI,
    )
    from langchain_agents.document_loaders import AgentRecordsLoader
    from langchain_agents.llms import (
        AgentLLM,
        BlueNexusLLM,
        CloudBaseLLM,
        CloudBaseOpenAILLM,
        MaiAgentLLM,
        PrivateAILLM,
    )
    from langchain_agents.retrievers import AgentRetriever
    from langchain_agents.tools import agent_tool

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'langchain_agents' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
