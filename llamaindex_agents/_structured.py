"""Objects of a class as answers: asked for in words, and found among the agent's."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing, closing
from typing import Any, Generic, TypeAlias

from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.instrumentation.events.llm import (
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictInProgressEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.output_parsers.pydantic import PydanticOutputParser
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.types import Model, PydanticProgramMode
from llama_index_instrumentation import get_dispatcher
from pydantic import ConfigDict, ValidationError

from llamaindex_agents._lazy_turns import turns
from remote_agents.json_types import Arguments, JsonObject

dispatcher = get_dispatcher(__name__)

Part: TypeAlias = "Model | FlexibleModel"


class StructuredPrediction(FunctionCallingLLM):
    """LlamaIndex's structured prediction, whose own reads from the first brace to the last."""

    model_config = ConfigDict(defer_build=True)

    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: Arguments | None = None,
        **prompt_args: Any,
    ) -> Model:
        """Ask for an object, outside of any conversation.

        Args:
            output_cls: Its class, a Pydantic model.
            prompt: What is asked; the form is described behind it.
            llm_kwargs: The service's parameters for this call.
            **prompt_args: The variables of the prompt.

        Returns:
            The object.

        Raises:
            AgentError: See `remote_agents.errors`.
            ValueError: The answer holds none that is valid.

        Example:
            >>> prompt = PromptTemplate("How many {what} do I get?")
            >>> llm.structured_predict(Days, prompt, what="vacation days")  # doctest: +SKIP
            Days(days=25)
        """
        if not self._asks_in_words:
            found: Model = super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
            return found
        messages = self._asked_for(output_cls, prompt, prompt_args)
        _tell_start(output_cls, prompt, prompt_args)
        found = object_in(self.chat(messages, **(llm_kwargs or {})), output_cls)
        dispatcher.event(LLMStructuredPredictEndEvent(output=found))
        return found

    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: Arguments | None = None,
        **prompt_args: Any,
    ) -> Model:
        """The same as `structured_predict`, with asyncio."""
        if not self._asks_in_words:
            found: Model = await super().astructured_predict(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
            return found
        messages = self._asked_for(output_cls, prompt, prompt_args)
        _tell_start(output_cls, prompt, prompt_args)
        found = object_in(await self.achat(messages, **(llm_kwargs or {})), output_cls)
        dispatcher.event(LLMStructuredPredictEndEvent(output=found))
        return found

    def stream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: Arguments | None = None,
        **prompt_args: Any,
    ) -> Generator[Part[Model], None, None]:
        """Ask for an object, and iterate it as it grows; arguments as for `structured_predict`.

        Yields:
            The object, with fewer fields while they arrive; the last one is whole and valid.
        """
        if not self._asks_in_words:
            yield from super().stream_structured_predict(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
            return
        messages = self._asked_for(output_cls, prompt, prompt_args)
        _tell_start(output_cls, prompt, prompt_args)
        growing = _GrowingObject(output_cls)
        with closing(self.stream_chat(messages, **(llm_kwargs or {}))) as responses:
            for response in responses:
                yield from growing.take(response)
        yield from growing.last(response)

    async def astream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: Arguments | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Part[Model], None]:
        """The same as `stream_structured_predict`, with asyncio."""
        if not self._asks_in_words:
            return await super().astream_structured_predict(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
        return self._agrown(output_cls, prompt, llm_kwargs or {}, prompt_args)

    async def _agrown(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: Arguments,
        prompt_args: Arguments,
    ) -> AsyncGenerator[Part[Model], None]:
        messages = self._asked_for(output_cls, prompt, prompt_args)
        _tell_start(output_cls, prompt, prompt_args)
        growing = _GrowingObject(output_cls)
        async with aclosing(await self.astream_chat(messages, **llm_kwargs)) as responses:
            async for response in responses:
                for found in growing.take(response):
                    yield found
        for found in growing.last(response):
            yield found

    @property
    def _asks_in_words(self) -> bool:
        """Whether the caller left it so, or has set one of LlamaIndex's other ways."""
        mode = self.pydantic_program_mode
        return mode in (PydanticProgramMode.LLM, PydanticProgramMode.DEFAULT)

    def _asked_for(
        self, output_cls: type[Model], prompt: BasePromptTemplate, prompt_args: Arguments
    ) -> list[ChatMessage]:
        """The messages of a prompt, with the form described where LlamaIndex describes it."""
        plain = prompt.model_copy(update={"output_parser": None})
        messages = plain.format_messages(llm=self, **prompt_args)
        messages = _Form(output_cls).format_messages(messages)
        if self.system_prompt:
            messages.insert(0, ChatMessage(role="system", content=self.system_prompt))
        return messages


class _Form(PydanticOutputParser[Model]):
    """LlamaIndex's description of an object, without the braces that it doubles for templates."""

    def format(self, query: str) -> str:
        return f"{query}\n\n{self.get_format_string(escape_json=False)}"


def _tell_start(output_cls: type[Model], prompt: PromptTemplate, prompt_args: Arguments) -> None:
    dispatcher.event(
        LLMStructuredPredictStartEvent(
            output_cls=output_cls, template=prompt, template_args=prompt_args
        )
    )


def object_in(response: ChatResponse, output_cls: type[Model]) -> Model:
    """The object in an answer, whatever words stand around it.

    Raises:
        AgentInterrupt: The agent waits for a person.
        ValueError: There is none, or it is not valid; the message says why.
    """
    text = turns.text_of(response)
    try:
        values = turns.objects_in(text)
    except ValueError as error:
        raise ValueError(f"The answer is not JSON ({error}): {text}") from error
    wrong: list[ValidationError] = []
    for value in reversed(values):  # a draft stands before the answer
        try:
            return _validated(value, output_cls)
        except ValidationError as error:
            wrong.append(error)
    raise wrong[0]


def _validated(value: object, output_cls: type[Model]) -> Model:
    return output_cls.model_validate_json(json.dumps(value))


class _GrowingObject(Generic[Model]):
    """An answer that arrives piece by piece, as objects."""

    def __init__(self, output_cls: type[Model]) -> None:
        self._output_cls = output_cls
        self._partial_cls = create_flexible_model(output_cls)
        self._shown: Part[Model] | None = None

    def take(self, response: ChatResponse) -> Iterator[Part[Model]]:
        """The object so far, if the response changed it."""
        value = turns.newest_object_in(response.message.content or "")
        if value is not None:
            yield from self._show(self._so_far(value))

    def last(self, response: ChatResponse) -> Iterator[Part[Model]]:
        """The whole object, unless it was shown."""
        whole = object_in(response, self._output_cls)
        yield from self._show(whole)
        dispatcher.event(LLMStructuredPredictEndEvent(output=whole))

    def _so_far(self, value: JsonObject) -> Part[Model]:
        try:
            return _validated(value, self._output_cls)
        except ValidationError:
            return self._partial_cls.model_validate(value)

    def _show(self, found: Part[Model]) -> Iterator[Part[Model]]:
        if found != self._shown:
            self._shown = found
            dispatcher.event(LLMStructuredPredictInProgressEvent(output=found))
            yield found
