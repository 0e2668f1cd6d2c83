"""The plain client of MaiAgent chatbots."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from remote_agents.client import Client, Prompt
from remote_agents.resources.methods import ResourceAttribute
from remote_agents.services.maiagent import (
    MaiAgentCall,
    MaiAgentSettings,
)
from remote_agents.services.maiagent.conversations import Conversations, Messages, Recovering
from remote_agents.services.maiagent.directory import Chatbots, Contacts, Inboxes, WebChats
from remote_agents.services.maiagent.files import Attachments
from remote_agents.services.maiagent.knowledge import KnowledgeBases, Searching
from remote_agents.services.maiagent.records import Records
from remote_agents.types import Event, Reply


class MaiAgent(MaiAgentSettings, Searching, Recovering, Client):
    """A MaiAgent chatbot; see `docs/services/maiagent.md`."""

    attachments = ResourceAttribute(Attachments)
    chatbots = agents = ResourceAttribute(Chatbots)  # what the other services call them
    contacts = ResourceAttribute(Contacts)
    conversations = ResourceAttribute(Conversations)
    inboxes = ResourceAttribute(Inboxes)
    knowledge_bases = ResourceAttribute(KnowledgeBases)
    messages = ResourceAttribute(Messages)
    records = ResourceAttribute(Records)
    web_chats = ResourceAttribute(WebChats)

    if TYPE_CHECKING:  # the same methods, with the arguments of this service

        def ask(self, prompt: Prompt, **call: Unpack[MaiAgentCall]) -> Reply: ...
        async def aask(self, prompt: Prompt, **call: Unpack[MaiAgentCall]) -> Reply: ...
        def stream(
            self, prompt: Prompt, **call: Unpack[MaiAgentCall]
        ) -> Generator[Event, None, None]: ...
        def astream(
            self, prompt: Prompt, **call: Unpack[MaiAgentCall]
        ) -> AsyncGenerator[Event, None]: ...
