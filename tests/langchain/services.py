"""The five services as LangChain sees them: what tests are parametrised over."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_agents import (
    BlueNexusLLM,
    ChatAgent,
    ChatBlueNexus,
    ChatCloudBase,
    ChatCloudBaseOpenAI,
    ChatMaiAgent,
    ChatPrivateAI,
    CloudBaseLLM,
    CloudBaseOpenAILLM,
    MaiAgentLLM,
    PrivateAILLM,
)

CHAT: dict[str, type[ChatAgent]] = {
    "cloudbase": ChatCloudBase,
    "cloudbase_openai": ChatCloudBaseOpenAI,
    "private_ai": ChatPrivateAI,
    "bluenexus": ChatBlueNexus,
    "maiagent": ChatMaiAgent,
}
LLMS: dict[str, Any] = {
    "cloudbase": CloudBaseLLM,
    "cloudbase_openai": CloudBaseOpenAILLM,
    "private_ai": PrivateAILLM,
    "bluenexus": BlueNexusLLM,
    "maiagent": MaiAgentLLM,
}
KEEPING = [name for name in CHAT if name != "cloudbase_openai"]
CITING = [name for name, kind in CHAT.items() if kind.endpoint.cites]

every_service = pytest.mark.parametrize("service", list(CHAT))
every_keeping = pytest.mark.parametrize("service", KEEPING)

QUESTION = "How many vacation days do I get?"
FOLLOW_UP = "And what about part-time staff?"


def chat(sandbox: Any, service: str, **settings: Any) -> ChatAgent:
    """A chat model of the service, at the sandbox."""
    return CHAT[service](**{**sandbox.kwargs(service), **settings})


def summed(chunks: list[Any]) -> Any:
    """A stream's chunks as one message."""
    first, *rest = chunks
    return first + rest
