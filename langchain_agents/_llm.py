"""Hosted agents as LangChain text models: text in, text out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseLLM, LanguageModelInput
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from langchain_core.runnables import (
    Runnable,
    RunnableConfig,
)
from langchain_core.runnables.config import ContextThreadPoolExecutor

from langchain_agents._lazy_turns import turns
from langchain_agents._runnable import RunnableMethods
from langchain_agents._settings import AgentSettings
from langchain_agents._usage import llm_output_of, metadata_of

if TYPE_CHECKING:
    from remote_agents.agent import Agent
    from remote_agents.flow import Flow
    from remote_agents.json_types import Arguments, JsonObject
    from remote_agents.types import Event, Reply


class AgentLLM(AgentSettings, RunnableMethods[str, str], BaseLLM):
    """Any hosted agent as a text model; use the class of your service.

    In a session each prompt is a turn of it; in a LangGraph thread, whose memory is a history that
    a text does not have, and wherever no session is named, every prompt stands alone.
    """

    # --- a turn ----------------------------------------------------------------------------------

    @classmethod
    def _begin_turn(cls, agent: Agent, prompt: Any, call: Arguments, *, stream: bool) -> Flow[None]:
        if turns.in_thread(call):
            call["memory"] = "client"
        return agent.turn([turns.Message("user", prompt)], stream=stream, **call)

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> LLMResult:
        streamed = bool(self.streaming)
        told = run_manager if streamed and len(prompts) == 1 else None

        def ask(prompt: str) -> Reply:
            with self._events(prompt, stop, kwargs, stream=streamed) as events:
                for event in events:
                    if told and (chunk := _chunk(event)):
                        told.on_llm_new_token(chunk.text, chunk=chunk)
                return _text_reply(event)

        if len(prompts) == 1:
            return _result([ask(prompts[0])])
        with ContextThreadPoolExecutor() as pool:
            return _result(list(pool.map(ask, prompts)))

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> LLMResult:
        streamed = bool(self.streaming)
        told = run_manager if streamed and len(prompts) == 1 else None

        async def ask(prompt: str) -> Reply:
            async with self._events(prompt, stop, kwargs, stream=streamed) as events:
                async for event in events:
                    if told and (chunk := _chunk(event)):
                        await told.on_llm_new_token(chunk.text, chunk=chunk)
                return _text_reply(event)

        return _result(await _all_or_none([asyncio.ensure_future(ask(each)) for each in prompts]))

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> Iterator[GenerationChunk]:
        with self._events(prompt, stop, kwargs) as events:
            for event in events:
                if chunk := _chunk(event):
                    if run_manager:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> AsyncIterator[GenerationChunk]:
        async with self._events(prompt, stop, kwargs) as events:
            async for event in events:
                if chunk := _chunk(event):
                    if run_manager:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk

    # BaseLLM asks one prompt after the other, or fails all for one: Runnable's own do neither.

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: object,
    ) -> list[str]:
        """Ask many prompts at once, at most `config["max_concurrency"]` at a time.

        Args:
            inputs: The prompts.
            config: One for all, or one for each.
            return_exceptions: Give an error in the place of its answer instead of raising it.
            **kwargs: As for `invoke`.

        Returns:
            The answers, in the order of the prompts.
        """
        return Runnable.batch(self, inputs, config, return_exceptions=return_exceptions, **kwargs)

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: object,
    ) -> list[str]:
        """The same as `batch`, with asyncio."""
        return await Runnable.abatch(
            self, inputs, config, return_exceptions=return_exceptions, **kwargs
        )

    @property
    def _llm_type(self) -> str:
        return f"{self.endpoint.name}-agent"


def _chunk(event: Event) -> GenerationChunk | None:
    if type(event) is turns.TextDelta and event.text:
        return GenerationChunk(text=event.text)
    if type(event) is turns.Finish:
        return GenerationChunk(text="", generation_info=_info(_text_reply(event)))
    return None


def _text_reply(last: Event) -> Reply:
    """The reply, which has to be text: a run that waits for a person has none."""
    assert isinstance(last, turns.Finish)
    turns.raise_if_interrupted(last.reply.metadata())
    return last.reply


def _info(reply: Reply) -> JsonObject:
    """What is told beside the text."""
    info = metadata_of(reply)
    if reply.citations:
        info["citations"] = [citation.to_dict() for citation in reply.citations]
    if reply.files:
        info["files"] = [file.to_dict() for file in reply.files]
    if reply.alternatives:
        info["alternatives"] = reply.alternatives
    return info


def _result(replies: Sequence[Reply]) -> LLMResult:
    output = llm_output_of([metadata_of(reply) for reply in replies])
    generations = [
        [
            Generation(text=reply.text, generation_info=_info(reply)),
            *(Generation(text=text) for text in reply.alternatives),
        ]
        for reply in replies
    ]
    return LLMResult(generations=cast("list[Any]", generations), llm_output=output)


async def _all_or_none(turns: list[asyncio.Future[Reply]]) -> list[Reply]:
    """The replies of all turns; when one fails, the others are ended and not left running."""
    try:
        return await asyncio.gather(*turns)
    except BaseException:
        for turn in turns:
            turn.cancel()
        await asyncio.gather(*turns, return_exceptions=True)
        raise
