"""What the context of a workflow holds of its agents."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.memory import BaseMemory
from llama_index.core.workflow import JsonSerializer

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


# --- the dialogue of a context whose memory is lost ----------------------------------------------

_DIALOGUE = "remote_dialogue"
_memories: WeakValueDictionary[str, BaseMemory] = WeakValueDictionary()


async def keep_dialogue(ctx: Any, memory: BaseMemory) -> None:
    """Keep what was said with the context, if that loses its memory between two runs.

    It loses what cannot be serialised: with Pydantic 2.14, LlamaIndex's own chat stores.
    """
    kept = None
    if _is_lost(memory):
        name = uuid.uuid4().hex
        _memories[name] = memory
        kept = {"memory": name, "said": await memory.aget_all()}
    await ctx.store.set(_DIALOGUE, kept)


def _is_lost(memory: BaseMemory) -> bool:
    try:
        JsonSerializer().serialize(memory)
    except ValueError:
        return True
    return False


async def restore_dialogue(
    ctx: Any, memory: BaseMemory, llm_input: Sequence[ChatMessage]
) -> list[ChatMessage]:
    """A prompt, behind the dialogue of earlier runs if the context has lost it.

    Its memory gets that back; one that was cleared does not.
    """
    kept = await ctx.store.get(_DIALOGUE, default=None)
    if not kept or _has_answer(llm_input) or await _is_cleared(kept["memory"], memory):
        return [*llm_input]
    said = await memory.aget_all()
    if not _has_answer(said):
        await memory.aset([*kept["said"], *said])
    system = [message for message in llm_input if message.role == MessageRole.SYSTEM]
    return [*system, *kept["said"], *llm_input[len(system) :]]


async def _is_cleared(name: str, memory: BaseMemory) -> bool:
    """Whether the memory of the run before is this one, or empty."""
    before = _memories.get(name)
    return before is not None and (before is memory or not await before.aget_all())


def _has_answer(messages: Sequence[ChatMessage]) -> bool:
    return any(message.role == MessageRole.ASSISTANT for message in messages)
