"""LangChain's cache gives an answer to nobody who asked another agent, or asked otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage

from langchain_agents import ChatAGUI
from remote_agents import fold_messages
from remote_agents.sandbox import Sandbox
from tests.langchain.services import CHAT, LLMS, QUESTION, every_service

KINDS = {"chat": CHAT, "llm": LLMS}
USERS = ("alice", "bob")
# What two models, or two calls of one, differ in.
MODELS: dict[str, list[dict[str, Any]]] = {
    "stop": [{"stop": ["zzz"]}, {}],
    "fold": [{"fold": lambda messages: fold_messages(messages)}, {}],
    "headers": [{"default_headers": {"x-user": user}} for user in USERS],
    "account": [{"account": user} for user in USERS],
}
CALLS: dict[str, list[dict[str, Any]]] = {
    "headers": [{"headers": {"x-user": user}} for user in USERS],
    "extra_body": [{"extra_body": {"zz": user}} for user in USERS],
    "stop": [{"stop": ["zzz"]}, {"stop": None}],
}
PAIRS = {
    **{f"of a model, {name}": [(each, {}) for each in two] for name, two in MODELS.items()},
    **{f"of a call, {name}": [({}, each) for each in two] for name, two in CALLS.items()},
}
faces = pytest.mark.parametrize("face", KINDS)
ways = pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])


async def ask(model: Any, awaited: bool, prompt: Any = QUESTION, **call: Any) -> Any:
    return await model.ainvoke(prompt, **call) if awaited else model.invoke(prompt, **call)


@ways
@faces
@pytest.mark.parametrize("what", PAIRS)
@every_service
async def test_what_is_asked_with_tells_answers_apart(
    sandbox: Any, service: str, what: str, face: str, awaited: bool
) -> None:
    cache, kind = InMemoryCache(), KINDS[face][service]
    for settings, call in [*PAIRS[what], *PAIRS[what]]:
        model = kind(**sandbox.kwargs(service), **settings, cache=cache)
        await ask(model, awaited, **call)
    assert len(sandbox.turns(service)) == 2


@ways
async def test_another_file_is_another_question(sandbox: Any, awaited: bool) -> None:
    llm = LLMS["cloudbase"](**sandbox.kwargs("cloudbase"), cache=InMemoryCache())
    for name in ("alice.pdf", "bob.pdf"):
        files = [f"https://files.example/{name}"]
        assert name in await ask(llm, awaited, "What does the file say?", files=files)


@ways
async def test_each_form_of_an_answer_is_cached_apart(sandbox: Any, awaited: bool) -> None:
    cache, kwargs = InMemoryCache(), sandbox.kwargs("bluenexus")
    blocks = await ask(CHAT["bluenexus"](**kwargs, cache=cache, output_version="v1"), awaited)
    text = await ask(CHAT["bluenexus"](**kwargs, cache=cache, output_version="v0"), awaited)
    assert (type(blocks.content), type(text.content)) == (list, str)


@ways
async def test_a_run_that_waits_for_a_person_is_not_cached(sandbox: Sandbox, awaited: bool) -> None:
    url = f"{sandbox.url}/ag-ui/{sandbox.agents['ag_ui']['approval_agent_id']}"
    key = sandbox.agents["ag_ui"]["api_key"]
    model = ChatAGUI(base_url=url, api_key=key, cache=InMemoryCache())
    asked = HumanMessage("Delete the file.")
    for _ in range(2):
        waiting = await ask(model, awaited, [asked])
        assert waiting.response_metadata["finish_reason"] == "interrupt"
        done = await ask(model, awaited, [asked, waiting], resume="yes")
        assert done.response_metadata["finish_reason"] != "interrupt"
