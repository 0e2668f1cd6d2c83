"""People in a workflow: an agent that may ask one before it goes on."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import BaseTool
from llama_index.core.tools.calling import acall_tool_with_selection
from llama_index.core.workflow import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)

from llamaindex_agents._context import AgentState, ReplacedTurn
from llamaindex_agents._llm import RemoteLLM, checked_llm
from llamaindex_agents._tools import asked
from remote_agents.errors import ConfigurationError
from remote_agents.interrupts import is_interrupted, question_in
from remote_agents.json_types import JsonObject

if TYPE_CHECKING:
    from workflows.handler import WorkflowHandler

_RUN = "run_of_ask_person"  # in a start event, which a repeated step is given again


class AgentAsksPerson(InputRequiredEvent):
    """The agent waits for a person: `question`, and all `interrupts`."""

    question: str
    interrupts: list[JsonObject]


class AgentCallsTools(Event):
    """The agent asks for tools of yours, with the dialogue so far."""

    messages: list[ChatMessage]
    calls: list[ToolSelection]


class AgentGetsResults(Event):
    """What tools of yours gave, at the end of the dialogue so far."""

    messages: list[ChatMessage]


class AskPerson(Workflow):
    """A workflow that asks the agent, and a person where the agent waits for one.

    When the agent's run waits, an `AgentAsksPerson` is in the stream of events; send a
    `HumanResponseEvent(response=...)` to go on; a None is no answer, and the person is asked again.
    Each step posts once, also in a context that was saved or stopped amid an answer: what was asked
    then is not asked again. What is asked is in `ctx`, so one that is saved while the agent waits
    can be answered in another process. `run` takes what LlamaIndex's agents take, `user_msg` and
    `chat_history`, or both as one list of `messages`.

    Args:
        llm: The agent.
        tools: Tools of yours, which are run when the agent calls them. What one raises is told to
            the agent.
        **settings: As for `Workflow`; give a `timeout` that a person can keep, or None.

    Examples:
        ```python
        handler = AskPerson(llm, timeout=None).run("Delete the file.")
        async for event in handler.stream_events():
            if isinstance(event, AgentAsksPerson):
                handler.ctx.send_event(HumanResponseEvent(response="yes"))
        print((await handler).message.content)
        ```
    """

    def __init__(self, llm: RemoteLLM, tools: Sequence[BaseTool] = (), **settings: Any) -> None:
        super().__init__(**settings)
        self.llm, self.tools = checked_llm("AskPerson", llm), tools

    def run(self, *args: Any, **kwargs: Any) -> WorkflowHandler:
        """Run the workflow, with the user's message first, as LlamaIndex's agents.

        Args:
            *args: `user_msg` and `chat_history`; or `ctx` and `start_event`, as for `Workflow`.
            **kwargs: The same by name, or `messages`.

        Returns:
            The handler, which gives the agent's `ChatResponse`.

        Raises:
            ConfigurationError: When awaited: nothing to ask was given, or something else too.
        """
        if args and isinstance(args[0], (str, ChatMessage)):
            named = zip(("user_msg", "chat_history", "memory", "ctx"), args, strict=False)
            args, kwargs = (), {**kwargs, **dict(named)}
        if kwargs.get("start_event") is None and len(args) < 2:
            kwargs[_RUN] = uuid.uuid4().hex
        return super().run(*args, **kwargs)

    @step
    async def ask(
        self, ctx: Context, event: StartEvent
    ) -> AgentAsksPerson | AgentCallsTools | StopEvent | None:
        """Ask the agent."""
        return await self._post(ctx, _asked(event), run=event.get(_RUN, ""))

    @step
    async def answer(
        self, ctx: Context, event: HumanResponseEvent
    ) -> AgentAsksPerson | AgentCallsTools | StopEvent | None:
        """Tell the agent what the person said."""
        if "response" not in event:
            raise ConfigurationError(
                "The agent waits for HumanResponseEvent(response=...), which has none here; "
                "nothing was sent."
            )
        known = await ctx.store.get("messages")
        messages = [ChatMessage.model_validate(each) for each in known]
        said = event.response
        if said is None:  # with which the agent would be asked its question once more
            return _question(messages[-1].additional_kwargs)
        return await self._post(ctx, messages, resume=said)

    @step
    async def run_tools(self, ctx: Context, event: AgentCallsTools) -> AgentGetsResults:
        """Run the tools that the agent called."""
        results = [await self._result(call) for call in event.calls]
        return AgentGetsResults(messages=[*event.messages, *results])

    @step
    async def tell_results(
        self, ctx: Context, event: AgentGetsResults
    ) -> AgentAsksPerson | AgentCallsTools | StopEvent | None:
        """Tell the agent what they gave."""
        return await self._post(ctx, event.messages)

    async def _result(self, call: ToolSelection) -> ChatMessage:
        said = f"There is no tool {call.tool_name}."
        if any(tool.metadata.name == call.tool_name for tool in self.tools):
            said = (await acall_tool_with_selection(call, self.tools)).content
        about = {"tool_call_id": call.tool_id}
        return ChatMessage(said, role=MessageRole.TOOL, additional_kwargs=about)

    async def _post(
        self, ctx: Context, messages: Sequence[ChatMessage], run: str = "", **call: Any
    ) -> AgentAsksPerson | AgentCallsTools | StopEvent | None:
        try:
            response = await self._response(AgentState(ctx, "the agent"), messages, run, call)
        except ReplacedTurn:
            return None
        dialogue = [*messages, response.message]
        told = response.message.additional_kwargs
        if not is_interrupted(told):
            calls = self.llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
            if calls:
                return AgentCallsTools(messages=dialogue, calls=calls)
            return StopEvent(result=response)
        kept = [each.model_dump(mode="json") for each in dialogue]
        await ctx.store.set("messages", kept)
        return _question(told)

    async def _response(
        self, state: AgentState, messages: Sequence[ChatMessage], run: str, call: JsonObject
    ) -> ChatResponse:
        """Ask the agent, unless this step was stopped and is repeated: then it may have acted."""
        # All steps belong to the conversation in which the agent may wait.
        known = {"memory": "client" if self.llm.memory == "client" else "server", **call}
        try:
            await state.begin([*messages, ChatMessage(f"{run}{call}")])
            response: ChatResponse = await self.llm.achat_with_tools(
                self.tools, chat_history=[*messages], allow_parallel_tool_calls=True, **known
            )
        except Exception:
            await state.end(None)
            raise
        finally:
            state.leave()
        await state.take()
        return response


def _question(told: JsonObject) -> AgentAsksPerson:
    """What the person is asked, of what a message has beside its text."""
    interrupts = told.get("interrupts") or [{}]
    return AgentAsksPerson(question=question_in(interrupts), interrupts=interrupts)


def _asked(event: StartEvent) -> list[ChatMessage]:
    """What `run` was given to ask."""
    given = {name: value for name, value in event.items() if value is not None and name != _RUN}
    found = asked(given.pop("user_msg", None), given.pop("chat_history", None))
    found = [*given.pop("messages", ()), *found]
    if given or not found:
        raise ConfigurationError(
            f"AskPerson takes no {', '.join(given)}; run() is given user_msg=, chat_history= or "
            "messages=."
            if given
            else "There is nothing to ask: run() takes user_msg=, chat_history= or messages=."
        )
    return found
