"""LangChain's cache, as a model of a hosted agent uses it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.outputs import ChatGeneration, Generation

from remote_agents.agent import Agent
from remote_agents.flow import Flow
from remote_agents.json_types import Arguments, JsonObject

_CONVERSATION_KEYS = frozenset(
    {"conversation_id", "conversation", "memory", "memory_reason", "differs"}
)


def cache_of(own: BaseCache | bool | None) -> BaseCache | None:
    """The cache of a model; None without one.

    Args:
        own: What the model says: a cache of its own, or whether it has LangChain's.
    """
    if own is False:
        return None
    return own if isinstance(own, BaseCache) else get_llm_cache()


def usable_cache(
    agent: Agent, cache: BaseCache, kwargs: Mapping[str, Any]
) -> Flow[BaseCache | bool]:
    """What a call may use of a cache: its own account's answers; False for nothing.

    Args:
        agent: Who is asked.
        cache: The model's.
        kwargs: The call's arguments.
    """
    # What a function gives may be the key of whoever asks, and nothing tells them apart.
    unknown = agent.key_is_callable and not agent.names_account
    if unknown or _has_conversation(agent, kwargs):
        return False
    account = yield from agent.asking_account()
    return AnswerCache(cache, _fingerprint(agent, account, kwargs))


def _has_conversation(agent: Agent, kwargs: Mapping[str, Any]) -> bool:
    memory = kwargs.get("memory") or agent.memory
    if memory == "client":
        return False
    named = kwargs.get("session_id"), kwargs.get("conversation_id"), kwargs.get("dialogue")
    return memory == "server" or any(named)


# What says nothing of an answer.
_OF_THE_RUN = frozenset({"callbacks", "tags", "metadata", "run_name", "run_id"})


def _fingerprint(agent: Agent, account: str, kwargs: Mapping[str, Any]) -> str:
    """Tells apart what LangChain's key does not: whose answer it is, and all it was asked with."""
    key = None if agent.key_is_callable else agent.key
    clients = agent.http_client, agent.http_async_client
    whose = account, key, agent.default_headers, agent.extra_body, agent.options, agent.fold
    call = sorted((name, each) for name, each in kwargs.items() if name not in _OF_THE_RUN)
    secret = repr((*whose, *clients, *call)).encode(errors="replace")
    return hashlib.blake2s(secret, digest_size=12).hexdigest()


class AnswerCache(BaseCache):
    """A cache in which a model finds its own answers only, and none belongs to a conversation.

    Args:
        cache: The caller's, or LangChain's.
        owner: Tells apart what LangChain's key does not.
    """

    def __init__(self, cache: BaseCache, owner: str) -> None:
        self._cache = cache
        self._owner = owner

    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """The answer to a prompt, if there is one."""
        return self._cache.lookup(prompt, self._key(llm_string))

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep an answer."""
        if not any(map(_waits, return_val)):
            self._cache.update(prompt, self._key(llm_string), _without_conversations(return_val))

    def clear(self, **kwargs: object) -> None:
        """Forget all answers."""
        self._cache.clear(**kwargs)

    async def alookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """The same as `lookup`, with asyncio."""
        return await self._cache.alookup(prompt, self._key(llm_string))

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """The same as `update`, with asyncio."""
        if not any(map(_waits, return_val)):
            kept = _without_conversations(return_val)
            await self._cache.aupdate(prompt, self._key(llm_string), kept)

    async def aclear(self, **kwargs: object) -> None:
        """The same as `clear`, with asyncio."""
        await self._cache.aclear(**kwargs)

    def _key(self, llm_string: str) -> str:
        return f"{llm_string}|{self._owner}"


def _waits(generation: Generation) -> bool:
    """Whether a run waits for a person: without its conversation nobody could answer it."""
    message = generation.message if isinstance(generation, ChatGeneration) else None
    told = message.response_metadata if message else generation.generation_info or {}
    return told.get("finish_reason") == "interrupt"


def _without_conversations(generations: Sequence[Generation]) -> list[Generation]:
    """Answers without the conversation that they are from: whoever gets one must not join it."""
    return [_without_conversation(generation) for generation in generations]


def _without_conversation(generation: Generation) -> Generation:
    info = generation.generation_info
    update: Arguments = {"generation_info": info and _without_conversation_keys(info)}
    if isinstance(generation, ChatGeneration):
        message = generation.message
        metadata = _without_conversation_keys(message.response_metadata)
        update["message"] = message.model_copy(update={"response_metadata": metadata})
    return generation.model_copy(update=update)


def _without_conversation_keys(metadata: JsonObject) -> JsonObject:
    return {key: value for key, value in metadata.items() if key not in _CONVERSATION_KEYS}
