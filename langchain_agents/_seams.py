"""The private names of LangChain that this package reaches for, each with its reason.

None is needed: without one of them LangChain's own way is taken. `tests/test_seams.py` takes each
away, and says at an upgrade which one is gone. The methods that LangChain names for providers to
define (`_generate`, `_stream`, `_get_ls_params`, `_add_version`, ...) are not among them; their
signatures are checked there too.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult, Generation, LLMResult
from pydantic import ConfigDict, model_validator
from typing_extensions import Self

# What `stream` does to messages (old forms of pictures, audio and files become today's), and how it
# finds out whether it may stream. Without: each stream is LangChain's own, which keeps all chunks.
MODULE = "langchain_core.language_models._utils"
NORMALIZE = "_normalize_messages"
SHOULD_STREAM = "_should_stream"
Normalize: TypeAlias = "Callable[[Sequence[BaseMessage]], list[BaseMessage]]"


def normalizer(model: BaseChatModel, kwargs: Mapping[str, Any]) -> Normalize | None:
    """What brings the messages of a stream into today's form.

    Args:
        model: The model that is to stream.
        kwargs: The call's arguments; some switch streaming off.

    Returns:
        The function; None where LangChain does not stream, or does not say.
    """
    should_stream = getattr(model, SHOULD_STREAM, None)
    if should_stream is None or not should_stream(async_api=False, **{**kwargs, "stream": True}):
        return None
    return getattr(sys.modules.get(MODULE), NORMALIZE, None)


class Overrides(BaseChatModel):
    """The private methods of LangChain's chat models that ours replace.

    A method that LangChain no longer calls does nothing.
    """

    model_config = ConfigDict(defer_build=True)

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:
        # LangChain's check costs more than all else here: only what the user gave needs it.
        check = getattr(BaseChatModel, "_check_profile_keys", None)
        if check is not None and self.profile and self.profile != self._resolve_model_profile():
            check(self)
        return self

    def _convert_cached_generations(self, cache_val: list[Generation]) -> list[ChatGeneration]:
        # Of a usage that the service did not tell, LangChain says that its cost is 0.
        cached = super()._convert_cached_generations(cache_val)
        return [_with_told_usage(generation) for generation in cached]

    async def _agenerate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        try:
            return await super()._agenerate_with_cache(messages, stop, run_manager, **kwargs)
        except asyncio.CancelledError as error:  # of which LangChain tells no callback here
            if run_manager is not None:
                await run_manager.on_llm_error(error, response=LLMResult(generations=[]))
            raise


def _with_told_usage(generation: ChatGeneration) -> ChatGeneration:
    message = generation.message
    if not isinstance(message, AIMessage) or "total_tokens" in (message.usage_metadata or ()):
        return generation
    told = message.model_copy(update={"usage_metadata": None})
    return generation.model_copy(update={"message": told})
