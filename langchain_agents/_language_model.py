"""What stands behind our mixins: LangChain's own chat model or text model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.outputs import LLMResult

Answer = TypeVar("Answer", covariant=True)
Piece = TypeVar("Piece", covariant=True)


class LanguageModel(Generic[Answer, Piece]):
    """What `BaseChatModel` and `BaseLLM` both have, for type checkers.

    A mixin that inherits it stands before one of the two, whose method its `super()` finds.
    """

    if TYPE_CHECKING:
        tags: list[str] | None

        def invoke(self, *args: Any, **kwargs: Any) -> Answer: ...
        async def ainvoke(self, *args: Any, **kwargs: Any) -> Answer: ...
        def stream(self, *args: Any, **kwargs: Any) -> Generator[Piece, None, None]: ...
        def astream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Piece, None]: ...
        def generate(self, *args: Any, **kwargs: Any) -> LLMResult: ...
        async def agenerate(self, *args: Any, **kwargs: Any) -> LLMResult: ...
        def bind(self, **kwargs: Any) -> Any: ...
        def configurable_fields(self, **kwargs: Any) -> Any: ...
        def with_retry(self, **how: Any) -> Any: ...
        def _add_version(self, pkg: str, version: str) -> None: ...
        def _get_ls_params(
            self, stop: list[str] | None = None, **kwargs: Any
        ) -> LangSmithParams: ...
