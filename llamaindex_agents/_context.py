"""What the context of a workflow holds of one of its agents."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse

from remote_agents.errors import ConversationError
from remote_agents.json_types import JsonObject

_NOTHING: JsonObject = {"asked": None, "answer": None, "raw": None}


class AgentState:
    """An agent's dialogue in a workflow: its name, what was said in this run, the turn under way.

    It is one value of the context's store, so that a context that is saved at any moment is whole.

    Args:
        ctx: The context.
        name: The agent's; those of one workflow share the store.
    """

    def __init__(self, ctx: Any, name: str) -> None:
        self._store = ctx.store
        self._name = name
        self._key = f"{name}_state".replace(".", "/")  # a dot would be a step of a path

    async def _read(self) -> JsonObject:
        state: JsonObject = {"session": uuid.uuid4().hex, "said": []}
        return {**state, **_NOTHING, **await self._store.get(self._key, default={})}

    async def _write(self, state: JsonObject) -> None:
        await self._store.set(self._key, state)

    async def session_id(self) -> str:
        """The name of the agent's dialogue in this context."""
        return str((await self._read())["session"])

    async def said(self) -> list[ChatMessage]:
        """What was said in this run."""
        state = await self._read()
        return [*state["said"], *([state["answer"]] if state["answer"] else [])]

    async def begin(self, llm_input: Sequence[ChatMessage]) -> ChatResponse | None:
        """Note that this is asked now.

        Returns:
            The answer, if the context was saved with it before the workflow took it.

        Raises:
            ConversationError: The context was saved while this was being answered.
        """
        state = await self._read()
        asked = _digest([*llm_input, *state["said"]])
        if state["asked"] == asked:
            if state["answer"] is None:
                raise ConversationError(
                    f"This context was saved while {self._name} was answering. The turn may have "
                    "run, so it is not sent again. From now on the context can be used with the "
                    "next user_msg."
                )
            return ChatResponse(message=state["answer"], raw=state["raw"])
        said = await self.said()
        await self._write({**state, **_NOTHING, "said": said, "asked": asked})
        return None

    async def end(self, response: ChatResponse | None) -> None:
        """Note the answer, or with None that the turn failed."""
        state = await self._read()
        if response is None:
            await self._write({**state, **_NOTHING})
        else:
            await self._write({**state, "answer": response.message, "raw": response.raw})

    async def add(self, messages: Sequence[ChatMessage]) -> None:
        """Note what became of the answer."""
        await self._settle([*await self.said(), *messages])

    async def take(self) -> list[ChatMessage]:
        """What was said in this run, which is over."""
        said = await self.said()
        await self._settle([])
        return said

    async def _settle(self, said: list[ChatMessage]) -> None:
        state = await self._read()
        await self._write({**state, "said": said, **_NOTHING})


def _digest(messages: Sequence[ChatMessage]) -> str:
    digest = hashlib.blake2s(digest_size=16)
    for message in messages:
        digest.update(f"{message.role.value}\0{message.content}\0".encode("utf-8", "replace"))
    return digest.hexdigest()
