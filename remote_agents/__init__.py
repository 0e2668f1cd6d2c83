"""Hosted agents, from Python: six services, one behaviour.

    from remote_agents import BlueNexus
    agent = BlueNexus()                       # key from BLUENEXUS_API_KEY
    print(agent.ask("What meetings do I have today?").text)

Nothing is imported until it is used, so `import remote_agents` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_agents._lazy import lazy
from remote_agents.version import VERSION

__version__ = VERSION

_HOMES = {
    "remote_agents.agent": ("Agent",),
    "remote_agents.display": ("display_stream",),
    "remote_agents.errors": (
        "AgentConnectionError",
        "AgentError",
        "AgentInterrupt",
        "AgentStatusError",
        "AgentStreamError",
        "AgentTimeoutError",
        "AuthenticationError",
        "BadRequestError",
        "ConfigurationError",
        "ConflictError",
        "ConversationError",
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
        "safe_to_repeat",
    ),
    "remote_agents.http.timeouts": ("Timeout",),
    "remote_agents.keys": ("cached_key",),
    "remote_agents.memory.folding": ("fold_messages",),
    "remote_agents.memory.sessions": ("InMemorySessionStore", "Session", "session"),
    "remote_agents.memory.sql": ("SQLSessionStore",),
    "remote_agents.memory.store": ("SessionStore",),
    "remote_agents.observability": ("TurnRecord", "on_turn"),
    "remote_agents.recording.recorder": ("Recorder",),
    "remote_agents.recording.replay": ("Replay",),
    "remote_agents.recording.transcript": ("Transcript",),
    "remote_agents.services": ("ENDPOINTS",),
    "remote_agents.services.ag_ui.client": ("AGUI",),
    "remote_agents.services.bluenexus.client": ("BlueNexus",),
    "remote_agents.services.cloudbase.client": ("CloudBase",),
    "remote_agents.services.cloudbase_openai.client": ("CloudBaseOpenAI",),
    "remote_agents.services.maiagent.client": ("MaiAgent",),
    "remote_agents.services.private_ai.client": ("PrivateAI",),
    "remote_agents.turns.memory_warnings": ("ConversationRestartedWarning",),
    "remote_agents.types": (
        "Alternative",
        "Attachment",
        "Citation",
        "ClientToolCall",
        "File",
        "Finish",
        "Interrupt",
        "Message",
        "ReasoningDelta",
        "Reply",
        "TextDelta",
        "ToolCall",
        "ToolResult",
        "Unknown",
        "Update",
        "Usage",
    ),
    "remote_agents.wire.reader": ("EmptyAnswerWarning",),
}

if TYPE_CHECKING:
    from remote_agents.agent import Agent as Agent
    from remote_agents.display import display_stream as display_stream
    from remote_agents.errors import (
        AgentConnectionError as AgentConnectionError,
        AgentError as AgentError,
        AgentInterrupt as AgentInterrupt,
        AgentStatusError as AgentStatusError,
        AgentStreamError as AgentStreamError,
        AgentTimeoutError as AgentTimeoutError,
        AuthenticationError as AuthenticationError,
        BadRequestError as BadRequestError,
        ConfigurationError as ConfigurationError,
        ConflictError as ConflictError,
        ConversationError as ConversationError,
        ConversationNotFoundError as ConversationNotFoundError,
        NotFoundError as NotFoundError,
        PermissionDeniedError as PermissionDeniedError,
        QuotaExceededError as QuotaExceededError,
        RateLimitError as RateLimitError,
        RemoteFailureError as RemoteFailureError,
        ServerError as ServerError,
        StreamInterruptedError as StreamInterruptedError,
        StreamProtocolError as StreamProtocolError,
        UnprocessableEntityError as UnprocessableEntityError,
        UnsupportedContentError as UnsupportedContentError,
        safe_to_repeat as safe_to_repeat,
    )
    from remote_agents.http.timeouts import Timeout as Timeout
    from remote_agents.keys import cached_key as cached_key
    from remote_agents.memory.folding import fold_messages as fold_messages
    from remote_agents.memory.sessions import (
        InMemorySessionStore as InMemorySessionStore,
        Session as Session,
        session as session,
    )
    from remote_agents.memory.sql import SQLSessionStore as SQLSessionStore
    from remote_agents.memory.store import SessionStore as SessionStore
    from remote_agents.observability import TurnRecord as TurnRecord, on_turn as on_turn
    from remote_agents.recording.recorder import Recorder as Recorder
    from remote_agents.recording.replay import Replay as Replay
    from remote_agents.recording.transcript import Transcript as Transcript
    from remote_agents.services import ENDPOINTS as ENDPOINTS
    from remote_agents.services.ag_ui.client import AGUI as AGUI
    from remote_agents.services.bluenexus.client import BlueNexus as BlueNexus
    from remote_agents.services.cloudbase.client import CloudBase as CloudBase
    from remote_agents.services.cloudbase_openai.client import CloudBaseOpenAI as CloudBaseOpenAI
    from remote_agents.services.maiagent.client import MaiAgent as MaiAgent
    from remote_agents.services.private_ai.client import PrivateAI as PrivateAI
    from remote_agents.turns.memory_warnings import (
        ConversationRestartedWarning as ConversationRestartedWarning,
    )
    from remote_agents.types import (
        Alternative as Alternative,
        Attachment as Attachment,
        Citation as Citation,
        ClientToolCall as ClientToolCall,
        File as File,
        Finish as Finish,
        Interrupt as Interrupt,
        Message as Message,
        ReasoningDelta as ReasoningDelta,
        Reply as Reply,
        TextDelta as TextDelta,
        ToolCall as ToolCall,
        ToolResult as ToolResult,
        Unknown as Unknown,
        Update as Update,
        Usage as Usage,
    )
    from remote_agents.wire.reader import EmptyAnswerWarning as EmptyAnswerWarning

__all__, __getattr__, __dir__ = lazy(__name__, _HOMES)
