"""A bulk run asks in the context of its call: its variables, span, callbacks and session."""

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda

import llamaindex_agents
from langchain_agents import ChatBlueNexus
from remote_agents import BlueNexus, InMemorySessionStore, session
from remote_agents.bulk.run import Asker, ask_many
from remote_agents.sandbox import Sandbox

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

FACES: dict[str, Callable[..., Any]] = {
    "client": BlueNexus,
    "langchain": ChatBlueNexus,
    "llamaindex": llamaindex_agents.BlueNexus,
    "query engine": lambda **given: llamaindex_agents.BlueNexus(**given).as_query_engine(),
}
SAID, ASKED = "My favourite word is lilac.", "What is my favourite word?"
Rows = list[dict[str, Any]]
token: ContextVar[str] = ContextVar("token")

each_face = pytest.mark.parametrize("face", FACES)
each_with_sessions = pytest.mark.parametrize("face", ["client", "langchain", "llamaindex"])


def model_of(face: str, sandbox: Sandbox, **given: Any) -> Any:
    return FACES[face](**{**sandbox.kwargs("bluenexus"), **given})


def many(model: Any, inputs: list[str], path: Path, **options: Any) -> Rows:
    return list(ask_many(model, inputs, path=path, progress=False, **options))


def read_elsewhere(model: Any, path: Path) -> Rows:
    rows = ask_many(model, ["Say: a", "Say: b"], path=path, progress=False)
    return Context().run(list, rows)


def in_a_task(model: Any, path: Path) -> Rows:
    async def ask() -> Rows:
        return many(model, ["Say: a", "Say: b"], path)

    return asyncio.run(ask())


def in_a_batch(model: Any, path: Path) -> Rows:
    asker = Asker(model, path)
    found: Any = asker({"input": ["Say: a", "Say: b"]})
    asker.close()
    return [{"answer": answer} for answer in found["answer"]]


@pytest.mark.parametrize("way", [read_elsewhere, in_a_task, in_a_batch])
@each_face
def test_a_key_function_is_asked_in_the_context_of_the_call(
    way: Callable[[Any, Path], Rows], face: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    model = model_of(face, sandbox, api_key=token.get, account=token.get)

    def ask() -> Rows:
        token.set(sandbox.kwargs("bluenexus")["api_key"])
        return way(model, tmp_path / "a")

    assert sorted(row["answer"] for row in Context().run(ask)) == ["a", "b"]


@each_face
def test_the_turns_are_of_the_span_around_the_call(
    face: str, spans: "InMemorySpanExporter", sandbox: Sandbox, tmp_path: Path
) -> None:
    from opentelemetry import trace

    model = model_of(face, sandbox)
    with trace.get_tracer_provider().get_tracer("t").start_as_current_span("nightly") as nightly:
        many(model, ["Say: a", "Say: b"], tmp_path / "a")
    turns = [span for span in spans.get_finished_spans() if span.name != "nightly"]
    assert len(turns) == 2
    assert {span.parent and span.parent.span_id for span in turns} == {
        nightly.get_span_context().span_id
    }


def test_the_runs_of_langchain_are_of_the_run_around_the_call(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    class Runs(BaseCallbackHandler):
        def __init__(self) -> None:
            self.chains: list[Any] = []
            self.models: list[tuple[Any, Any]] = []

        def on_chain_start(self, *_: Any, **run: Any) -> None:
            self.chains.append(run["run_id"])

        def on_chat_model_start(self, *_: Any, **run: Any) -> None:
            self.models.append((run["run_id"], run["parent_run_id"]))

    runs, model = Runs(), model_of("langchain", sandbox)
    night = RunnableLambda(lambda inputs: many(model, inputs, tmp_path / "a"))
    night.invoke(["Say: a", "Say: b"], {"callbacks": [runs]})
    assert {parent for _, parent in runs.models} == {runs.chains[0]}
    assert len({run for run, _ in runs.models}) == len(runs.models) == 2


@each_face
def test_all_are_of_the_session_around_the_call_one_after_another(
    face: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    model = model_of(face, sandbox, session_store=InMemorySessionStore())
    asked = ["Hello", "Say: a", SAID, "Say: b", ASKED]
    with session("s1"):
        rows = ask_many(model, asked, path=tmp_path / "a", progress=False)
    found = Context().run(list, rows)
    assert [row["input"] for row in found] == asked
    assert found[-1]["answer"] == SAID
    assert len({row["conversation_id"] for row in found}) == 1
    with session("s2"):  # another's, in the same file
        (other,) = many(model, [ASKED], tmp_path / "a")
    assert SAID not in other["answer"]
    assert other["conversation_id"] != found[0]["conversation_id"]


@each_with_sessions
def test_a_row_s_own_session_goes_before_the_one_around(
    face: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    model = model_of(face, sandbox, session_store=InMemorySessionStore())
    with session("s1"):
        names = {SAID: "ann", ASKED: None}
        rows = many(model, list(names), tmp_path / "a", session=names.get)
        assert SAID not in {row["input"]: row["answer"] for row in rows}[ASKED]
    (again,) = many(model, [ASKED], tmp_path / "b", session=lambda _: "ann")
    assert again["answer"] == SAID
