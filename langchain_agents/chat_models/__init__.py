"""The chat models: a module a service, and the generic one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_agents._lazy import lazy

_HOMES = {
    "langchain_agents._chat": ("ChatAgent",),
    "langchain_agents.chat_models.ag_ui": ("ChatAGUI",),
    "langchain_agents.chat_models.bluenexus": ("ChatBlueNexus",),
    "langchain_agents.chat_models.cloudbase": ("ChatCloudBase",),
    "langchain_agents.chat_models.cloudbase_openai": ("ChatCloudBaseOpenAI",),
    "langchain_agents.chat_models.maiagent": ("ChatMaiAgent",),
    "langchain_agents.chat_models.private_ai": ("ChatPrivateAI",),
}

if TYPE_CHECKING:
    from langchain_agents._chat import ChatAgent as ChatAgent
    from langchain_agents.chat_models.ag_ui import ChatAGUI as ChatAGUI
    from langchain_agents.chat_models.bluenexus import ChatBlueNexus as ChatBlueNexus
    from langchain_agents.chat_models.cloudbase import ChatCloudBase as ChatCloudBase
    from langchain_agents.chat_models.cloudbase_openai import (
        ChatCloudBaseOpenAI as ChatCloudBaseOpenAI,
    )
    from langchain_agents.chat_models.maiagent import ChatMaiAgent as ChatMaiAgent
    from langchain_agents.chat_models.private_ai import ChatPrivateAI as ChatPrivateAI

__all__, __getattr__, __dir__ = lazy(__name__, _HOMES)
