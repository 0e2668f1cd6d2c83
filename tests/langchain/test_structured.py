"""Answers in the form of a schema."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from enum import Enum
from typing import Any, Literal

import httpx
import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from langchain_agents import ChatBlueNexus
from langchain_agents._schema import violation
from remote_agents import ConfigurationError
from tests.among_words import AMONG_WORDS
from tests.langchain.services import CHAT, LLMS, QUESTION, chat, every_service


class Days(BaseModel):
    """How many days."""

    days: int = Field(description="the number of days")
    answer: str


class DaysDict(TypedDict):
    """How many days."""

    days: int
    answer: str


SCHEMAS: dict[str, Any] = {
    "pydantic": Days,
    "typeddict": DaysDict,
    "json": Days.model_json_schema(),
    "named": {"name": "Days", "schema": Days.model_json_schema()},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "Days", "schema": Days.model_json_schema()},
    },
}


@every_service
@pytest.mark.parametrize("schema", list(SCHEMAS))
@pytest.mark.parametrize("model", [{}, {"disable_streaming": True}], ids=["streaming", "whole"])
async def test_the_answer_has_the_form(
    sandbox: Any, service: str, schema: str, model: dict[str, Any]
) -> None:
    output = chat(sandbox, service, **model).with_structured_output(SCHEMAS[schema])
    config: Any = {"configurable": {"thread_id": "t"}}
    results = [
        output.invoke(QUESTION, config),
        await output.ainvoke(QUESTION, config),
        list(output.stream(QUESTION, config))[-1],
        [part async for part in output.astream(QUESTION, config)][-1],
        (RunnableLambda(lambda text: text) | output).invoke(QUESTION, config),
    ]
    for result in results:
        whole = result if isinstance(result, dict) else result.model_dump()
        assert whole["days"] == 25
        assert "25 vacation days" in whole["answer"]
    assert all(isinstance(result, Days) == (schema == "pydantic") for result in results)
    # None of it is a turn of the thread's conversation.
    assert {turn["conversation_id"] for turn in sandbox.turns(service)} != {"t"}
    bodies = [json.dumps(request["body"]) for request in sandbox.requests(service)]
    assert not any("store_in_session" in body or "create_session" in body for body in bodies)
    assert all(("response_format" in body) == (service == "private_ai") for body in bodies)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kind", [*CHAT, "cloudbase agent-handbook"])
async def test_the_form_is_asked_for_with_the_newest_question(
    sandbox: Any, kind: str, streamed: bool
) -> None:
    service, *own = kind.split()
    model = chat(sandbox, service, **({"agent_id": own[0]} if own else {}))
    output = model.with_structured_output(Days)
    asked: list[Any] = [HumanMessage("My secret word is zebra-17."), AIMessage("Noted."), QUESTION]
    if streamed:
        results = [list(output.stream(asked))[-1]]
        results.append([part async for part in output.astream(asked)][-1])
    else:
        results = [output.invoke(asked), await output.ainvoke(asked)]
    assert [result.days for result in results] == [25, 25]


@pytest.mark.parametrize("schema", ["pydantic", "typeddict", "response_format"])
async def test_response_format_takes_a_class(sandbox: Any, schema: str) -> None:
    form: Any = SCHEMAS[schema]
    for kind in (CHAT, LLMS):
        model = kind["private_ai"](**sandbox.kwargs("private_ai"))
        bound = model.bind(response_format=form)
        streamed = [str(getattr(each, "text", each)) for each in bound.stream(QUESTION)]
        whole = [model.invoke(QUESTION, response_format=form), await bound.ainvoke(QUESTION)]
        texts = ["".join(streamed), *(str(getattr(each, "text", each)) for each in whole)]
        assert [json.loads(text)["days"] for text in texts] == [25, 25, 25]
    asked = [request["body"]["response_format"] for request in sandbox.requests("private_ai")]
    assert {each["json_schema"]["name"] for each in asked} <= {"Days", "DaysDict"}


@every_service
def test_objects_grow(sandbox: Any, service: str) -> None:
    output = chat(sandbox, service, coalesce=False).with_structured_output(SCHEMAS["json"])
    parts = list(output.stream(QUESTION))
    assert len(parts) > 2
    assert all(isinstance(part, dict) and set(part) <= {"days", "answer"} for part in parts)
    lengths = [len(part.get("answer", "")) for part in parts]
    assert lengths == sorted(lengths)


@every_service
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
async def test_an_object_that_is_left_ends_its_turn_at_once(
    sandbox: Any, turns: Any, service: str, awaited: bool
) -> None:
    sandbox.configure(word_delay=0.02)
    output = chat(sandbox, service, coalesce=False).with_structured_output(SCHEMAS["json"])
    if awaited:
        objects: Any = output.astream(QUESTION)
        await anext(objects)
        await objects.aclose()
    else:
        objects = output.stream(QUESTION)
        next(objects)
        objects.close()
    assert [turn.outcome for turn in turns] == ["left"]


async def in_pieces(texts: AsyncIterator[str]) -> AsyncIterator[str]:
    """What stands before a model in a chain, and gives its prompt as it is written."""
    async for text in texts:
        for piece in re.split("(?= )", text):
            yield piece


async def passed_on(objects: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """What stands behind a model in a chain, and waits for no end."""
    async for each in objects:
        yield each


def in_pieces_sync(texts: Iterator[str]) -> Iterator[str]:
    for text in texts:
        yield from re.split("(?= )", text)


def passed_on_sync(objects: Iterator[Any]) -> Iterator[Any]:
    yield from objects


@every_service
@pytest.mark.parametrize("way", ["stream", "astream", "astream_events"])
async def test_a_prompt_that_arrives_in_pieces_is_asked_once(
    sandbox: Any, service: str, way: str
) -> None:
    output = chat(sandbox, service, coalesce=False).with_structured_output(SCHEMAS["json"])
    before = RunnableGenerator(in_pieces_sync, in_pieces)
    chain = before | output | RunnableGenerator(passed_on_sync, passed_on)
    if way == "stream":
        parts = list(chain.stream(QUESTION))
    elif way == "astream":
        parts = [part async for part in chain.astream(QUESTION)]
    else:
        events = [event async for event in chain.astream_events(QUESTION, version="v2")]
        parts = [e["data"]["chunk"] for e in events if e["event"] == "on_chain_stream"]
    assert len(sandbox.turns(service)) == 1
    assert sandbox.turns(service)[0]["messages"][-1]["content"].endswith(QUESTION)
    objects = [part for part in parts if isinstance(part, dict)]
    assert len(objects) > 2
    assert objects[-1]["days"] == 25


@every_service
@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
def test_methods(sandbox: Any, service: str, method: Literal["json_schema"]) -> None:
    output = chat(sandbox, service).with_structured_output(SCHEMAS["json"], method=method)
    prompt = f"{QUESTION} Answer as JSON of this schema: {json.dumps(SCHEMAS['json'])}"
    if method == "function_calling" and not CHAT[service].endpoint.tools:
        with pytest.raises(NotImplementedError, match="brings its own tools"):
            output.invoke(prompt)
        assert sandbox.requests(service) == []
        return
    assert output.invoke(prompt)["days"] == 25
    asked = sandbox.requests(service)[-1]["body"].get("response_format", {})
    assert asked.get("type") == (
        None
        if service != "private_ai"
        else "json_object"
        if method == "json_mode"
        else "json_schema"
    )


def scripted(*answers: str, **settings: Any) -> tuple[Any, list[Any]]:
    """A model that gives these answers in turn, and what it was asked."""
    asked: list[Any] = []
    left = list(answers)

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["messages"])
        message = {"role": "assistant", "content": left.pop(0)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return httpx.Response(200, json={"choices": [choice]})

    transport = httpx.MockTransport(respond)
    settings["http_client"] = httpx.Client(transport=transport)
    settings["http_async_client"] = httpx.AsyncClient(transport=transport)
    return ChatBlueNexus(api_key="k", **settings), asked


WRONG = '{"days": "many", "answer": "many"}'
RIGHT = 'Sure: ```json\n{"days": 25, "answer": "25"}\n```'


@pytest.mark.parametrize("schema", list(SCHEMAS))
@pytest.mark.parametrize("streamed", [False, True])
def test_one_repair(schema: str, streamed: bool) -> None:
    model, asked = scripted(WRONG, RIGHT)
    output = model.with_structured_output(SCHEMAS[schema])
    result = list(output.stream("Q"))[-1] if streamed else output.invoke("Q")
    assert (result if isinstance(result, dict) else result.model_dump())["days"] == 25
    assert "days" in asked[1][-1]["content"]
    assert asked[1][-2] == {"role": "assistant", "content": WRONG}


def test_no_second_repair() -> None:
    model, asked = scripted(WRONG, "no JSON", RIGHT)
    with pytest.raises(OutputParserException, match="not JSON"):
        model.with_structured_output(Days).invoke("Q")
    assert len(asked) == 2


@pytest.mark.parametrize(("call", "asks"), [({"memory": "auto"}, 1), ({"repair": False}, 1)])
def test_no_repair_inside_a_conversation(call: dict[str, Any], asks: int) -> None:
    model, asked = scripted(WRONG, RIGHT)
    with pytest.raises(OutputParserException):
        model.with_structured_output(Days, **call).invoke("Q")
    assert len(asked) == asks


def test_include_raw() -> None:
    model, _ = scripted(WRONG, WRONG, RIGHT)
    output = model.with_structured_output(Days, include_raw=True)
    failed, done = output.invoke("Q"), output.invoke("Q")
    assert failed["parsed"] is None
    assert isinstance(failed["parsing_error"], OutputParserException)
    assert failed["raw"].content == WRONG
    assert done["parsed"] == Days(days=25, answer="25")
    assert done["parsing_error"] is None


class Endless(TypedDict):
    """A form that LangChain cannot convert, nor Pydantic."""

    inside: list[Endless]


class Callback(BaseModel):
    """A form that JSON has no word for."""

    run: Callable[[], None]


class Person(BaseModel):
    """Somebody, with whom that one leads."""

    name: str
    team: list[Person] = []


class Company(BaseModel):
    """A company."""

    head: Person = Field(description="the first")


NAMED = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
REFERRING: dict[str, Any] = {
    "a class": Person,
    "a class in a class": Company,
    "its schema": Person.model_json_schema(),
    "the schema of a class in a class": Company.model_json_schema(),
    "one reference": {"title": "A", "$ref": "#/$defs/B", "$defs": {"B": NAMED}},
}


@pytest.mark.parametrize("schema", REFERRING)
def test_a_schema_that_refers_to_itself_is_asked_for_and_checked(schema: str) -> None:
    ann = {"name": "Ann", "team": [{"name": "Bo", "team": [{"name": "Cy"}]}]}
    inside = "in a class" in schema
    wrong, right = ({"head": value} if inside else value for value in ({"team": [{}]}, ann))
    model, asked = scripted(json.dumps(wrong), json.dumps(right))
    result = model.with_structured_output(REFERRING[schema]).invoke("Q")
    whole = result if isinstance(result, dict) else result.model_dump(exclude_defaults=True)
    assert whole == right
    assert len(asked) == 2
    assert '"items": {}' not in asked[0][0]["content"]
    assert '"required": ["name"]' in asked[0][0]["content"]


@pytest.mark.parametrize(
    ("schema", "strict"),
    [(SCHEMAS["json"], True), ({**SCHEMAS["named"], "strict": True}, None)],
    ids=["by argument", "by the schema"],
)
def test_strict_refuses_more_than_was_asked(schema: Any, strict: bool | None) -> None:
    more = '{"days": 25, "answer": "25", "more": 1}'
    loose, _ = scripted(more)
    assert loose.with_structured_output(SCHEMAS["json"]).invoke("Q")["more"] == 1
    model, asked = scripted(more, RIGHT)
    result = model.with_structured_output(schema, strict=strict).invoke("Q")
    assert "more" not in result
    assert (
        "answer: Additional properties are not allowed ('more' was unexpected)"
        in asked[1][-1]["content"]
    )


@pytest.mark.parametrize(
    ("schema", "method"),
    [
        ({"x": 1}, "json_schema"),
        ({"$ref": 1}, "json_schema"),
        (Callback, "json_schema"),
        (Endless, "json_schema"),
        (Enum("Color", "RED BLUE"), "json_schema"),
        ({"title": "A", "properties": {"a": {"type": "texts"}}}, "json_schema"),
        (Days, "magic"),
    ],
)
def test_what_is_no_schema_is_refused(schema: Any, method: Any) -> None:
    model, _ = scripted()
    with pytest.raises(ConfigurationError):
        model.with_structured_output(schema, method=method)


@pytest.mark.parametrize(
    ("value", "schema", "wrong"),
    [
        (1, {"type": "string"}, "answer: 1 is not of type 'string'"),
        (None, {"type": ["string", "null"]}, ""),
        (True, {"type": "integer"}, "answer: True is not of type 'integer'"),
        (2.0, {"type": "integer"}, ""),
        ("c", {"enum": ["a", "b"]}, "answer: 'c' is not one of ['a', 'b']"),
        ({}, {"required": ["a"]}, "answer: 'a' is a required property"),
        ([1, "2"], {"items": {"type": "integer"}}, "answer[1]: '2' is not of type 'integer'"),
        (1, {"anyOf": [{"type": "string"}, {"type": "null"}]}, "answer: 1 is not"),
        (5, {"maximum": 4}, "answer: 5 is greater than the maximum of 4"),
        (
            {"a": 1},
            {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}},
            "answer.a: 1 is not of type 'string'",
        ),
    ],
)
def test_violations(value: Any, schema: Any, wrong: str) -> None:
    said = violation(value, schema)
    assert said.startswith(wrong)
    assert bool(said) == bool(wrong)


@pytest.mark.parametrize("ref", ["#/$defs/B", "https://example.com/schema.json"])
def test_a_schema_refers_to_nothing_outside(ref: str) -> None:
    schema = {"title": "A", "properties": {"days": {"$ref": ref}}}
    model, _ = scripted(RIGHT)
    with pytest.raises(ConfigurationError, match=re.escape(ref[1:])):
        model.with_structured_output(schema).invoke("Q")


@pytest.mark.parametrize("schema", list(SCHEMAS))
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("answer", list(AMONG_WORDS))
async def test_the_object_is_found_among_words(answer: str, streamed: bool, schema: str) -> None:
    model, asked = scripted(*[AMONG_WORDS[answer]] * 2)
    output = model.with_structured_output(SCHEMAS[schema])
    if streamed:
        parts = [list(output.stream("Q")), [part async for part in output.astream("Q")]]
        results = [each[-1] for each in parts]
    else:
        results = [output.invoke("Q"), await output.ainvoke("Q")]
    for result in results:
        assert (result if isinstance(result, dict) else result.model_dump())["days"] == 25
    assert len(asked) == 2  # and nothing was repaired


def test_an_object_that_is_nested_without_end_is_no_json() -> None:
    deep = '{"days":' * 100_000
    with pytest.raises(OutputParserException, match="not JSON"):
        scripted(deep, deep)[0].with_structured_output(Days).invoke("Q")
