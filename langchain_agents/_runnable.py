"""How a chat model or a text model is asked: its config names the dialogue."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.runnables import ConfigurableFieldSpec, RunnableConfig, ensure_config

from langchain_agents._language_model import Answer, LanguageModel, Piece
from langchain_agents._lazy_turns import turns
from remote_agents.errors import AgentError

if TYPE_CHECKING:
    from remote_agents.agent import Agent
    from remote_agents.json_types import Arguments


class RunnableMethods(LanguageModel[Answer, Piece]):
    """LangChain's ways to ask, which stand in front of those of its own model.

    A chat model gives messages and chunks of them, a text model gives texts.
    """

    @property
    def agent(self) -> Agent:
        """The agent that is asked."""
        raise NotImplementedError

    @cached_property  # which gives way to a field of the same name, as a service of one's own has
    def model_name(self) -> str:
        """The service's model, if one is asked for, else the agent: what others show of a model."""
        return self.agent.options.get("model") or self.agent.agent_id

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """What of a config names the dialogue, for LangServe and others that pass on no more."""
        return turns.CONFIG_SPECS

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: object,
    ) -> Answer:
        """Ask, and wait for the whole answer.

        Args:
            input: A text, a prompt or messages.
            config: `config["configurable"]` may name the dialogue (`session_id` or `thread_id`)
                and who asks (`user_id`, ...).
            stop: Where the answer ends.
            **kwargs: `conversation_id`, `session_id`, `memory`, and the service's parameters.

        Returns:
            The reply: a message of a chat model, the text of a text model.

        Raises:
            AgentError: Always a `ModelError` too.
        """
        config = ensure_config(config)
        kwargs = turns.with_dialogue(self.agent, self.tags, config, kwargs)
        try:
            return super().invoke(input, config, stop=stop, **kwargs)
        except AgentError as error:
            raise error.with_traceback(None) from None  # one short traceback, from here

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: object,
    ) -> Answer:
        """The same as `invoke`, with asyncio."""
        config = ensure_config(config)
        kwargs = turns.with_dialogue(self.agent, self.tags, config, kwargs)
        try:
            return await super().ainvoke(input, config, stop=stop, **kwargs)
        except AgentError as error:
            raise error.with_traceback(None) from None

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: object,
    ) -> Generator[Piece, None, None]:
        """Ask, and iterate the answer as it arrives; arguments as for `invoke`."""
        config = ensure_config(config)
        return self._streamed(
            input, config, stop, turns.with_dialogue(self.agent, self.tags, config, kwargs)
        )

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: object,
    ) -> AsyncGenerator[Piece, None]:
        """The same as `stream`, with asyncio."""
        config = ensure_config(config)
        return self._astreamed(
            input, config, stop, turns.with_dialogue(self.agent, self.tags, config, kwargs)
        )

    def _streamed(
        self,
        value: LanguageModelInput,
        config: RunnableConfig,
        stop: list[str] | None,
        kwargs: Arguments,
    ) -> Generator[Piece, None, None]:
        """LangChain's own stream."""
        return super().stream(value, config, stop=stop, **kwargs)

    def _astreamed(
        self,
        value: LanguageModelInput,
        config: RunnableConfig,
        stop: list[str] | None,
        kwargs: Arguments,
    ) -> AsyncGenerator[Piece, None]:
        """The same as `_streamed`, with asyncio."""
        return super().astream(value, config, stop=stop, **kwargs)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop, **kwargs)
        params["ls_provider"] = self.agent.endpoint.name
        params["ls_model_name"] = kwargs.get("model") or self.model_name
        return params
