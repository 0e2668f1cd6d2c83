"""Answers in the form of a schema: asked for, validated, and repaired once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any, cast

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
)
from langchain_core.runnables import (
    Runnable,
    RunnableConfig,
    RunnableLambda,
)

from langchain_agents._errors import model_errors
from langchain_agents._schema import (
    asked_for,
    check_schema,
    json_schema_of,
    unwrapped,
    violation,
)
from langchain_agents._without_callbacks import as_messages
from remote_agents.errors import ConfigurationError
from remote_agents.interrupts import raise_if_interrupted
from remote_agents.json_types import Arguments, JsonObject
from remote_agents.service import Endpoint
from remote_agents.wire.json_in_text import newest_object_in, objects_in

INSTRUCTIONS = """\
Answer with one JSON object that is valid for this JSON schema, and nothing else: no prose before \
or after it, no code fence.

{schema}"""
REPAIR = """\
That was not valid: {error}

Answer again, with nothing but the corrected JSON object."""

Attempts = Generator[list[BaseMessage], AIMessage, Any]


class StructuredOutput(Runnable[LanguageModelInput, Any]):
    """A chat model whose answers are objects; made by `with_structured_output`, as it describes.

    Attributes:
        include_raw: Whether results carry the raw answer.
    """

    def __init__(
        self,
        model: Any,
        schema: Any,
        *,
        method: str,
        include_raw: bool,
        strict: bool | None,
        memory: str,
        repair: bool | None,
        parameters: Mapping[str, Any],
    ) -> None:
        schema, strict = unwrapped(schema, strict)
        endpoint, form = model.agent.endpoint, json_schema_of(schema, strict)
        of_pydantic = getattr(schema, "model_validate", None)  # which checks all that the form says
        self._json_schema = form if of_pydantic is None else None
        _check(method, endpoint, self._json_schema)
        self._validate = of_pydantic or getattr(schema, "parse_obj", None)
        self._model: BaseChatModel = model
        self._call = {
            "memory": memory,
            **asked_for(schema, form, method, strict, endpoint),
            **parameters,
        }
        asks = method != "json_mode" and not endpoint.native_json
        self._instructions = INSTRUCTIONS.format(schema=json.dumps(form)) if asks else None
        self._leads = "system" in endpoint.roles
        self._repair = memory == "client" if repair is None else repair
        self._whole = RunnableLambda(self._invoke, self._ainvoke, name=type(self).__name__)
        self.include_raw = include_raw

    # --- Runnable --------------------------------------------------------------------------------

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        **kwargs: object,
    ) -> Any:
        """Ask, and give the object; OutputParserException if the answer is none."""
        return self._whole.invoke(input, config, **kwargs)

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        **kwargs: object,
    ) -> Any:
        """The same as `invoke`, with asyncio."""
        return await self._whole.ainvoke(input, config, **kwargs)

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        **kwargs: Any | None,
    ) -> Iterator[Any]:
        """Ask, and give the object as it grows; the last one is whole and valid."""
        return self._transform_stream_with_config(
            iter([input]),
            self._grow,  # type: ignore[arg-type]  # LangChain's types know of no config
            config,
            **kwargs,
        )

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        **kwargs: Any | None,
    ) -> AsyncIterator[Any]:
        """The same as `stream`, with asyncio."""
        return self._atransform_stream_with_config(
            _alone(input),
            self._agrow,  # type: ignore[arg-type]  # the same
            config,
            **kwargs,
        )

    def _invoke(
        self,
        prompt: LanguageModelInput,
        config: RunnableConfig,
        **kwargs: object,
    ) -> Any:
        attempts = self._attempts(prompt)
        messages = next(attempts)
        while True:
            try:
                messages = attempts.send(self._model.invoke(messages, config, **self._with(kwargs)))
            except StopIteration as stop:
                return stop.value

    async def _ainvoke(
        self,
        prompt: LanguageModelInput,
        config: RunnableConfig,
        **kwargs: object,
    ) -> Any:
        attempts = self._attempts(prompt)
        messages = next(attempts)
        while True:
            raw = await self._model.ainvoke(messages, config, **self._with(kwargs))
            try:
                messages = attempts.send(raw)
            except StopIteration as stop:
                return stop.value

    def _grow(
        self,
        prompts: Iterator[LanguageModelInput],
        config: RunnableConfig,
        **kwargs: object,
    ) -> Iterator[Any]:
        growing, attempts = GrowingObject(self), self._attempts(next(prompts))
        stream: Any = self._model.stream(next(attempts), config, **self._with(kwargs))
        with closing(stream) as chunks:
            for chunk in chunks:
                yield from growing.take(chunk)
        try:
            messages = attempts.send(growing.whole)
            while True:
                raw = self._model.invoke(messages, config, **self._with(kwargs))
                messages = attempts.send(raw)
        except StopIteration as stop:
            yield from growing.last(stop.value)

    async def _agrow(
        self,
        prompts: AsyncIterator[LanguageModelInput],
        config: RunnableConfig,
        **kwargs: object,
    ) -> AsyncIterator[Any]:
        growing, attempts = GrowingObject(self), self._attempts(await anext(prompts))
        stream: Any = self._model.astream(next(attempts), config, **self._with(kwargs))
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                for item in growing.take(chunk):
                    yield item
        raw: AIMessage = growing.whole
        while True:
            try:
                messages = attempts.send(raw)
            except StopIteration as stop:
                for item in growing.last(stop.value):
                    yield item
                return
            raw = await self._model.ainvoke(messages, config, **self._with(kwargs))

    def _with(self, kwargs: Mapping[str, Any]) -> Arguments:
        return {**self._call, **kwargs}

    # --- pure ------------------------------------------------------------------------------------

    def _place(self, messages: Sequence[BaseMessage]) -> int:
        """Where the instructions stand: where they become user text, with the newest question."""
        if self._leads:
            return 0
        return max((at for at, each in enumerate(messages) if each.type == "human"), default=0)

    def _attempts(self, prompt: LanguageModelInput) -> Attempts:
        """Asks once, and once more if the answer is not valid; for both kinds of I/O."""
        messages = as_messages(prompt)
        if self._instructions is not None:
            at = self._place(messages)
            messages = [*messages[:at], SystemMessage(self._instructions), *messages[at:]]
        raw = yield messages
        try:
            return self._result(raw)
        except OutputParserException as error:
            if not self._repair:
                return self._failed(raw, error)
            wrong = HumanMessage(REPAIR.format(error=error.args[0]))
        raw = yield [*messages, AIMessage(str(raw.text)), wrong]
        try:
            return self._result(raw)
        except OutputParserException as error:
            return self._failed(raw, error)

    def _result(self, raw: AIMessage) -> Any:
        with model_errors():
            raise_if_interrupted(raw.response_metadata)
        parsed = self.parse(str(raw.text))
        if not self.include_raw:
            return parsed
        return {"raw": raw, "parsed": parsed, "parsing_error": None}

    def _failed(self, raw: AIMessage, error: OutputParserException) -> Any:
        if not self.include_raw:
            raise error
        return {"raw": raw, "parsed": None, "parsing_error": error}

    def parse(self, text: str) -> Any:
        """The object in an answer.

        Raises:
            OutputParserException: There is none, or it is not valid; the message says why.
        """
        try:
            values = objects_in(text)
        except ValueError as error:
            raise _invalid(f"it is not JSON ({error})", text) from error
        wrong = []
        for value in reversed(values):  # what was thought aloud stands before the answer
            try:
                return self.build(value, text)
            except OutputParserException as error:
                wrong.append(error)
        raise wrong[0]

    def build(self, value: object, text: str) -> Any:
        """The object of a JSON value, validated."""
        if self._json_schema is not None:
            with model_errors():
                wrong = violation(value, self._json_schema)
            if wrong:
                raise _invalid(wrong, text)
        if self._validate is None:
            return value
        try:
            return self._validate(value)
        except ValueError as error:
            raise _invalid(_validation_errors(error), text) from error

    @property
    def whole_only(self) -> bool:
        """Whether a part of the object would not be of its class."""
        return self._validate is not None


async def _alone(item: LanguageModelInput) -> AsyncIterator[LanguageModelInput]:
    yield item


def _check(method: str, endpoint: Endpoint, form: JsonObject | None) -> None:
    """Refuse what is no method, and what is no JSON schema."""
    with model_errors():
        if method not in ("json_schema", "json_mode", "function_calling"):
            raise ConfigurationError(
                f"method must be json_schema or json_mode, not {method!r}.", endpoint=endpoint.name
            )
        if form is not None:
            check_schema(form)


def _validation_errors(error: object) -> str:
    """What Pydantic found, in a line."""
    found = error.errors() if hasattr(error, "errors") else []
    places = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found]
    return "; ".join(places) or str(error)


def _invalid(wrong: str, text: str) -> OutputParserException:
    # As an error, not as text: LangChain would put advice behind it, which is not for the agent.
    return OutputParserException(ValueError(wrong), llm_output=text)


class GrowingObject:
    """An answer that arrives piece by piece, as objects."""

    def __init__(self, output: StructuredOutput) -> None:
        self._output = output
        self._chunks: list[AIMessageChunk] = []
        self._text = ""
        self._shown: Any = None

    def take(self, chunk: AIMessageChunk) -> Iterator[Any]:
        """The object so far, if the chunk changed it."""
        self._chunks.append(chunk)
        if piece := str(chunk.text):
            self._text += piece
            if not self._output.include_raw:
                yield from self._show()

    def _show(self) -> Iterator[Any]:
        try:
            value = newest_object_in(self._text)
            if value is not None and self._output.whole_only:
                value = self._output.build(value, self._text)
        except (ValueError, OutputParserException):
            return
        if value is not None and value != self._shown:
            self._shown = value
            yield value

    @property
    def whole(self) -> AIMessage:
        """The whole answer."""
        first, *rest = self._chunks
        # A model that does not stream gives no chunk but its message, to which nothing adds.
        return cast("AIMessage", first + rest if rest else first)

    def last(self, value: object) -> Iterator[Any]:
        """The final object, unless it has been shown."""
        if value != self._shown:
            yield value
