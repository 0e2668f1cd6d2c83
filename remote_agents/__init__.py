"""Hosted agents, from Python: five services, one behaviour.

    from remote_agents import BlueNexus
    agent = BlueNexus()                       # key from BLUENEXUS_API_KEY
    print(agent.ask("What meetings do I have today?").text)

Nothing is imported until it is used, so `import remote_agents` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "remote_agents.agent": ("Agent", "ConversationRestartedWarning"),
    "remote_agents.client": ("BlueNexus", "CloudBase", "CloudBaseOpenAI", "MaiAgent", "PrivateAI"),
    "remote_agents.conversation": ("fold_messages",),
    "remote_agents.sessions": ("InMemorySessionStore", "Session", "SessionStore", "session"),
    "remote_agents.display": ("display_stream",),
    "remote_agents.sql": ("SQLSessionStore",),
    "remote_agents.endpoints": ("ENDPOINTS",),
    "remote_agents.errors": (
        "AgentConnectionError",
        "AgentError",
        "AgentStatusError",
        "AgentStreamError",
        "AgentTimeoutError",
        "AuthenticationError",
        "BadRequestError",
        "ConfigurationError",
        "ConflictError",
        "ConversationError",
        "ConversationForkedError",
        "ConversationNotFoundError",
        "NotFoundError",
        "PermissionDeniedError",
        "QuotaExceededError",
        "RateLimitError",
        "RemoteFailureError",
        "ServerError",
        "StreamInterruptedError",
        "StreamProtocolError",
        "UnprocessableEntityError",
        "UnsupportedContentError",
    ),
    "remote_agents.transport": ("Timeout",),
    "remote_agents.types": (
        "Attachment",
        "Citation",
        "Finish",
        "Message",
        "ReasoningDelta",
        "Reply",
        "TextDelta",
        "ToolCall",
        "ToolResult",
        "Unknown",
        "Usage",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if TYPE_CHECKING:
    from remote_agents.agent import Agent, ConversationRestartedWarning
    from remote_agents.client import BlueNexus, CloudBase, CloudBaseOpenAI, MaiAgent, PrivateAI
    from remote_agents.conversation import fold_messages
    from remote_agents.display import display_stream
    from remote_agents.endpoints import ENDPOINTS
    from remote_agents.errors import (
        AgentConnectionError,
        AgentError,
        AgentStatusError,
        AgentStreamError,
        AgentTimeoutError,
        AuthenticationError,
        BadRequestError,
        ConfigurationError,
        ConflictError,
        ConversationError,
        ConversationForkedError,
        ConversationNotFoundError,
        NotFoundError,
        PermissionDeniedError,
        QuotaExceededError,
        RateLimitError,
        RemoteFailureError,
        ServerError,
        StreamInterruptedError,
        StreamProtocolError,
        UnprocessableEntityError,
        UnsupportedContentError,
    )
    from remote_agents.sessions import InMemorySessionStore, Session, SessionStore, session
    from remote_agents.sql import SQLSessionStore
    from remote_agents.transport import Timeout
    from remote_agents.types import (
        Attachment,
        Citation,
        Finish,
        Message,
        ReasoningDelta,
        Reply,
        TextDelta,
        ToolCall,
        ToolResult,
        Unknown,
        Usage,
    )

__all__ = sorted([*_HOME_OF, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'remote_agents' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
