"""LangChain's cache, as a model of a hosted agent uses it."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.caches import BaseCache
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, Generation

from remote_agents.json_types import Arguments, JsonObject

_CONVERSATION_KEYS = frozenset(
    {"conversation_id", "conversation", "memory", "memory_reason", "differs"}
)


class AnswerCache(BaseCache):
    """A cache in which a model finds its own answers only, and none belongs to a conversation.

    Args:
        cache: The caller's, or LangChain's.
        owner: Tells apart what LangChain's key does not: account, headers, fields of the body.
    """

    def __init__(self, cache: BaseCache, owner: str) -> None:
        self._cache = cache
        self._owner = owner

    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """The answer to a prompt, if there is one."""
        return self._cache.lookup(prompt, self._key(llm_string))

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep an answer."""
        self._cache.update(prompt, self._key(llm_string), _without_conversations(return_val))

    def clear(self, **kwargs: object) -> None:
        """Forget all answers."""
        self._cache.clear(**kwargs)

    async def alookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """The same as `lookup`, with asyncio."""
        return await self._cache.alookup(prompt, self._key(llm_string))

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """The same as `update`, with asyncio."""
        await self._cache.aupdate(prompt, self._key(llm_string), _without_conversations(return_val))

    async def aclear(self, **kwargs: object) -> None:
        """The same as `clear`, with asyncio."""
        await self._cache.aclear(**kwargs)

    def _key(self, llm_string: str) -> str:
        return f"{llm_string}|{self._owner}"


def _without_conversations(generations: Sequence[Generation]) -> list[Generation]:
    """Answers without the conversation that they are from: whoever gets one must not join it."""
    return [_without_conversation(generation) for generation in generations]


def _without_conversation(generation: Generation) -> Generation:
    info = generation.generation_info
    update: Arguments = {"generation_info": info and _without_conversation_keys(info)}
    if isinstance(generation, ChatGeneration):
        update["message"] = _message_without_conversation(generation.message)
    return generation.model_copy(update=update)


def _message_without_conversation(message: BaseMessage) -> BaseMessage:
    return message.model_copy(
        update={"response_metadata": _without_conversation_keys(message.response_metadata)}
    )


def _without_conversation_keys(metadata: JsonObject) -> JsonObject:
    return {key: value for key, value in metadata.items() if key not in _CONVERSATION_KEYS}
