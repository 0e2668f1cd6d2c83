"""What the context of a workflow holds of its agents."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.memory import (
    BaseMemory,
    ChatMemoryBuffer,
    ChatSummaryMemoryBuffer,
    Memory,
)
from llama_index.core.memory.types import DEFAULT_CHAT_STORE_KEY
from llama_index.core.storage.chat_store import SimpleChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore, MessageStatus
from llama_index.core.storage.chat_store.sql import SQLAlchemyChatStore
from llama_index.core.workflow import JsonSerializer
from sqlalchemy.ext.asyncio import AsyncEngine

from remote_agents.errors import ConversationError
from remote_agents.json_types import JsonObject

_NOTHING: JsonObject = {"asked": [], "answer": None, "raw": None}
_LOOKS, _PAUSE = 20, 0.025  # seconds; LlamaIndex takes some steps to begin what is asked
_under_way: list[int] = []  # the ids of the stores of runs, one for each turn
_repeated: list[tuple[int, str]] = []  # the same, with what each asked that waits for others


class ReplacedTurn(Exception):
    """A turn that was stopped is not asked again, as something else is asked.

    The run after one that was stopped repeats its last step, beside the first step of its own.

    Args:
        asked: The digest of what is not asked.
    """

    def __init__(self, asked: str) -> None:
        super().__init__(asked)
        self.asked = asked


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
        self._asked = ""

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
            ReplacedTurn: The same, and something else is asked in this run.
        """
        state = await self._read()
        asked = _digest([*llm_input, *state["said"]])
        answered = state["answer"] is not None
        if asked not in state["asked"]:
            self._asked = asked
            _under_way.append(id(self._store))
            others = state["asked"][:-1] if answered else state["asked"]
            said = await self.said()
            await self._write({**state, **_NOTHING, "said": said, "asked": [*others, asked]})
            return None
        if answered and asked == state["asked"][-1]:
            return ChatResponse(message=state["answer"], raw=state["raw"])
        if await self._is_replaced(asked):
            raise ReplacedTurn(asked)
        raise ConversationError(
            f"This context was saved while {self._name} was answering. The turn may have run, so "
            "it is not sent again. From now on the context can be used with the next user_msg."
        )

    async def _is_replaced(self, asked: str) -> bool:
        """Whether this run has another turn under way, or soon has one."""
        with self._repeating(asked):
            for _ in range(_LOOKS):
                if id(self._store) in _under_way:
                    return True
                await asyncio.sleep(_PAUSE)
        if not self._is_repeated(asked):  # else the next run would ask it for the other step
            await self._forget(asked)
        return False

    async def stand_by(self, replaced: ReplacedTurn) -> None:
        """Wait for the end of the run, which another turn brings."""
        with self._repeating(replaced.asked):
            await asyncio.Event().wait()

    @contextmanager
    def _repeating(self, asked: str) -> Iterator[None]:
        step = (id(self._store), asked)
        _repeated.append(step)
        try:
            yield
        finally:
            _repeated.remove(step)

    def _is_repeated(self, asked: str) -> bool:
        return (id(self._store), asked) in _repeated

    def leave(self) -> None:
        """The turn is under way no more, whatever became of it."""
        if self._asked:
            _under_way.remove(id(self._store))

    async def end(self, response: ChatResponse | None) -> None:
        """Note the answer, or with None that the turn failed."""
        if response is None:
            await self._forget(self._asked)
            return
        state = await self._read()
        asked = [*filter(self._is_repeated, state["asked"]), self._asked]
        known = {"asked": asked, "answer": response.message, "raw": response.raw}
        await self._write({**state, **known})

    async def _forget(self, asked: str) -> None:
        state = await self._read()
        await self._write({**state, "asked": [each for each in state["asked"] if each != asked]})

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
        asked = [*filter(self._is_repeated, state["asked"])]
        await self._write({**state, **_NOTHING, "said": said, "asked": asked})


def _digest(messages: Sequence[ChatMessage]) -> str:
    digest = hashlib.blake2s(digest_size=16)
    for message in messages:
        digest.update(f"{message.role.value}\0{message.content}\0".encode("utf-8", "replace"))
    return digest.hexdigest()


# --- the dialogue of a memory that died with the context -----------------------------------------

# The memory at hand is the truth. Only one that is made anew in each process, because the context
# cannot keep it, is given back what was said.

_DIALOGUE = "remote_dialogue"
_memories: WeakValueDictionary[str, BaseMemory] = WeakValueDictionary()


async def keep_dialogue(ctx: Any, memory: BaseMemory) -> None:
    """Keep what was said with the context, if that loses its memory between two runs.

    It loses what cannot be serialised: `Memory`, and with Pydantic 2.14 the older ones too.
    """
    kept = None
    if _is_lost(memory):
        name = uuid.uuid4().hex
        _memories[name] = memory
        kept = {"memory": name, **(await _held(memory) if _dies(memory) else {})}
    await ctx.store.set(_DIALOGUE, kept)


def _is_lost(memory: BaseMemory) -> bool:
    try:
        JsonSerializer().serialize(memory)
    except ValueError:
        return True
    return False


async def restore_dialogue(
    ctx: Any, memory: BaseMemory, shown: Sequence[ChatMessage]
) -> list[ChatMessage]:
    """Give a memory back what was said in earlier runs, if it died with the context.

    Returns:
        What the memory then lets through; nothing if nothing was lost.
    """
    if not _dies(memory) or await _is_begun(memory, shown):
        return []
    lost = await _lost(ctx, memory)
    if not lost.get("said"):
        return []
    await memory.aset([*lost["said"], *await memory.aget_all()])
    if isinstance(memory, Memory):  # what its blocks were told already
        archived = lost.get("archived", 0)
        await memory.sql_store.archive_oldest_messages(memory.session_id, archived)
    return await memory.aget()


async def _is_begun(memory: BaseMemory, shown: Sequence[ChatMessage]) -> bool:
    """Whether the memory holds an answer, in what it shows or behind its limits."""
    return _has_answer(shown) or _has_answer(await memory.aget_all())


async def is_cleared(ctx: Any, memory: BaseMemory, shown: Sequence[ChatMessage]) -> bool:
    """Whether a memory without an answer says that a new dialogue begins.

    The one that LlamaIndex makes where a run is given none says so in a context of earlier runs
    alone: a first run without a memory is a bare prompt of its session.
    """
    if await _is_begun(memory, shown):
        return False
    ran = await ctx.store.get(_DIALOGUE, default=False) is not False
    return ran or not _is_plain(memory)


def _has_answer(messages: Sequence[ChatMessage]) -> bool:
    return any(message.role == MessageRole.ASSISTANT for message in messages)


async def _lost(ctx: Any, memory: BaseMemory) -> JsonObject:
    """What the memory of the run before holds now, or what it held if it is gone."""
    kept: JsonObject = await ctx.store.get(_DIALOGUE, default=None) or {}
    before = _memories.get(kept.get("memory", ""))
    if before is memory:
        return {}
    return kept if before is None else await _held(before)


async def _held(memory: BaseMemory) -> JsonObject:
    archived = []
    if isinstance(memory, Memory):
        archived = await memory.aget_all(MessageStatus.ARCHIVED)
    return {"said": [*await memory.aget_all()], "archived": len(archived)}


def _dies(memory: BaseMemory) -> bool:
    """Whether a memory is gone with its process: one in no file, on no server, of no other kind.

    A chat store that has a key of its own is led by whoever named it, perhaps in a file.
    """
    if type(memory) is Memory:
        return _is_in_memory(memory.sql_store)
    return _is_plain(memory)


def _is_plain(memory: BaseMemory) -> bool:
    return (
        (type(memory) is ChatMemoryBuffer or type(memory) is ChatSummaryMemoryBuffer)
        and type(memory.chat_store) is SimpleChatStore
        and memory.chat_store_key == DEFAULT_CHAT_STORE_KEY
    )


def _is_in_memory(store: AsyncDBChatStore) -> bool:
    if type(store) is not SQLAlchemyChatStore:
        return False
    parts = (store.__pydantic_private__ or {}).values()  # its address is not that of its engine
    urls = [part.url for part in parts if isinstance(part, AsyncEngine)]
    return any(
        url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")
        for url in urls
    )
