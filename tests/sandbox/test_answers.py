import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from remote_agents.sandbox.mind.answers import NOTHING, Ask, Brain
from remote_agents.sandbox.mind.knowledge import Knowledge
from tests.sandbox.calls import ENDPOINTS, Caller, user

PAGES = {
    "vacation.md": "# Vacation and Leave\n\n## Full-time\n\n"
    "Full-time employees receive 25 days of vacation a year.\n\n## Part-time\n\n"
    "Part-time staff receive vacation in proportion to their hours.\n",
    "travel.txt": "Train tickets are second class.\nFlights need the approval of a director.\n",
}


@pytest.fixture(scope="module")
def brain(tmp_path_factory: pytest.TempPathFactory) -> Brain:
    folder = tmp_path_factory.mktemp("pages")
    for name, text in PAGES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return Brain(Knowledge(folder))


def said(brain: Brain, *texts: str, system: str = "") -> str:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    return brain.answer(Ask(messages)).text


def test_finds_the_sentence_and_names_its_page(brain: Brain) -> None:
    text = said(brain, "How many days of vacation do full-time employees get?")
    assert "receive 25 days of vacation a year (see Vacation and Leave)." in text


def test_a_count_is_the_figure_before_what_is_counted() -> None:
    assert "25 vacation days" in said(Brain(Knowledge()), "How many vacation days?")


def test_says_when_it_finds_nothing(brain: Brain) -> None:
    assert said(brain, "What is the capital of France?") == NOTHING


def test_cites_only_what_it_used(brain: Brain) -> None:
    answer = brain.answer(Ask([user("Who approves flights?")]))
    assert [hit.section.filename for hit in answer.used] == ["travel.txt"]


def test_a_follow_up_keeps_the_topic(brain: Brain) -> None:
    text = said(brain, "How many vacation days do I get?", "25.", "And what about part-time staff?")
    assert "in proportion to their hours" in text


def test_remembers_what_it_was_told(brain: Brain) -> None:
    text = said(brain, "My secret word is zebra-17.", "Noted.", "What is my secret word?")
    assert "zebra-17" in text


FOLDED = [
    "User: My secret word is zebra-17.\nAssistant: Noted.\nUser: What is my secret word?",
    "Human: My secret word is zebra-17.\nAI: Noted.\n\nHuman: What is my secret word?",
    "system: Hi\nuser: My secret word is zebra-17.\nuser: What is my secret word?\nassistant: ",
    "So far:\n[user]: My secret word is zebra-17.\n[assistant]: ok\n\nWhat is my secret word?",
    "My secret word is zebra-17. What is my secret word?",
]


@pytest.mark.parametrize("folded", FOLDED)
def test_remembers_a_folded_history(brain: Brain, folded: str) -> None:
    assert "zebra-17" in said(brain, folded)


def test_an_earlier_answer_answers_what_nothing_else_does(brain: Brain) -> None:
    told = said(brain, "Tell me something.", "Crane 9 lifts 42 tonnes.", "What can crane 9 lift?")
    assert told == "Crane 9 lifts 42 tonnes."


def test_a_statement_is_noted(brain: Brain) -> None:
    assert said(brain, "My secret word is zebra-17.").startswith("Noted")


FACT = "The canteen opens at 11:30 on weekdays."
LLAMAINDEX = """\
Context information is below.
---------------------
{c}
---------------------
Given the context information and not prior knowledge, answer the query.
Query: {q}
Answer: """
REFINE = """\
The original query is as follows: {q}
We have provided an existing answer: I do not know.
We have the opportunity to refine the existing answer (only if needed) with some more context below.
------------
{c}
------------
Given the new context, refine the original answer to better answer the query. If the context \
isn't useful, return the original answer.
Refined Answer: """
LANGCHAIN = """\
You are an assistant for question-answering tasks. Use the following pieces of retrieved context \
to answer the question. If you don't know the answer, just say that you don't know. Use three \
sentences maximum and keep the answer concise.
Question: {q}
Context: {c}
Answer:"""
OLD_LANGCHAIN = """\
Use the following pieces of context to answer the question at the end.

{c}

Question: {q}
Helpful Answer:"""
BARE = "{c}\n\n{q}"
NAMED = "Context:\n{c}\n\nQuestion: {q}"


@pytest.mark.parametrize("template", [LLAMAINDEX, REFINE, LANGCHAIN, OLD_LANGCHAIN, BARE, NAMED])
def test_answers_from_context_in_the_prompt(brain: Brain, template: str) -> None:
    prompt = template.format(c=f"Shoes are optional.\n{FACT}", q="When does the canteen open?")
    assert said(brain, prompt) == FACT


def test_answers_from_earlier_questions_with_their_answers(brain: Brain) -> None:
    context = f"Question: When does the canteen open?\n\nAnswer: {FACT}"
    assert said(brain, LLAMAINDEX.format(c=context, q="When does the canteen open?")) == FACT


def test_answers_from_context_in_a_system_message(brain: Brain) -> None:
    system = f"Answer using only this context:\n\n{FACT}"
    assert said(brain, "When does the canteen open?", system=system) == FACT


def test_foreign_context_is_not_cited_but_copied_context_is(brain: Brain) -> None:
    foreign = brain.answer(Ask([user(f"{FACT}\n\nWhen does the canteen open?")]))
    copied = brain.answer(Ask([user("Train tickets are second class.\n\nWhich train tickets?")]))
    assert foreign.used == ()
    assert [hit.section.filename for hit in copied.used] == ["travel.txt"]


def test_context_can_be_ignored(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\nNothing of note.\n")
    brain = Brain(Knowledge(tmp_path), use_context=False)
    assert said(brain, f"{FACT}\n\nWhen does the canteen open?") == NOTHING


def test_an_empty_folder_answers_too(tmp_path: Path) -> None:
    assert said(Brain(Knowledge(tmp_path)), "Which train tickets?") == NOTHING


def test_rewrites_a_follow_up_as_a_standalone_question(brain: Brain) -> None:
    prompt = (
        "Given the following conversation between a user and an AI assistant and a follow up "
        "question from user, rephrase the follow up question to be a standalone question.\n\n"
        "Chat History:\nuser: How many vacation days do I get?\nassistant: 25 days.\n"
        "Follow Up Input: And what about part-time staff?\nStandalone question:"
    )
    expected = "How many vacation days do I get, and what about part-time staff?"
    assert said(brain, prompt) == expected
    tagged = (
        "rewrite the message to be a standalone question.\n\n<Chat History>\n"
        "user: How many vacation days do I get?\nassistant: 25 days.\n\n<Follow Up Message>\n"
        "And what about part-time staff?\n\n<Standalone question>\n"
    )
    assert said(brain, tagged) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Hello!", "Hello"),
        ("Tell me a joke", "harbor"),
        ("Thank you.", "welcome"),
        ("Count to 5", "1 2 3 4 5"),
        ("Say: Grüße, 世界", "Grüße, 世界"),
    ],
)
def test_small_talk(brain: Brain, text: str, part: str) -> None:
    assert part in said(brain, text)


def test_names_the_files_it_got(brain: Brain) -> None:
    answer = brain.answer(Ask([user("Look at these")], files=("a.png", "b.pdf")))
    assert answer.text.startswith("I received 2 files: a.png, b.pdf.")


SCHEMA: dict[str, Any] = {
    "$defs": {
        "Leaf": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
        "Tree": {
            "type": "object",
            "properties": {
                "leaf": {"$ref": "#/$defs/Leaf"},
                "below": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]},
            },
            "required": ["leaf", "below"],
        },
    },
    "type": "object",
    "properties": {
        "days": {"type": "integer", "minimum": 1, "maximum": 40},
        "kind": {"enum": ["paid", "unpaid"]},
        "text": {"type": "string", "maxLength": 12},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "tree": {"$ref": "#/$defs/Tree"},
        "sure": {"type": "boolean"},
    },
    "required": ["days", "kind", "text", "tags", "tree", "sure"],
}


@pytest.mark.parametrize("when", ["per year", "per calendar year", "in a year"])
def test_a_condition_that_nobody_named_comes_second(when: str) -> None:
    told = said(Brain(Knowledge()), f"How many vacation days do I get {when}?")
    assert "25 vacation days" in told.partition(". ")[0]


@pytest.mark.parametrize("given", [True, False])
def test_answers_in_json_for_a_schema(brain: Brain, given: bool) -> None:
    question = "How many days of vacation do full-time employees get?"
    prompt = f"{question}\n\nHere's a JSON schema to follow:\n{json.dumps(SCHEMA)}\n\nOutput JSON."
    ask = Ask([user(question if given else prompt)], schema=SCHEMA if given else None)
    value = json.loads(brain.answer(ask).text)
    assert value["days"] == 25
    assert value["kind"] == "paid"
    assert len(value["text"]) <= 12
    assert len(value["tags"]) == 2
    assert isinstance(value["tree"]["leaf"]["id"], int)
    assert isinstance(value["sure"], bool)


ROOT_REF = {"$defs": SCHEMA["$defs"], "$ref": "#/$defs/Tree"}


@pytest.mark.parametrize("schema", [SCHEMA, ROOT_REF, {"type": "object"}])
@pytest.mark.parametrize("double", [True, False])
def test_json_is_valid_for_its_schema(brain: Brain, schema: dict[str, Any], double: bool) -> None:
    text = json.dumps(schema)
    if double:
        text = text.replace("{", "{{").replace("}", "}}")
    value = json.loads(said(brain, f"Which train tickets?\n\nA schema to follow:\n{text}"))
    jsonschema.validate(value, schema)


NUMBERED = """\
Some choices are given below, in a numbered list:
(1) Loans of up to 500 euros {{or}} more.
(2) Vacation and sick leave.
{ask} to the question: '{q}'

The output should be ONLY JSON. Here is an example:
[
    {{
        choice: 1,
        reason: "<insert reason for choice>"
    }},
    ...
]
"""
NAMED_TOOLS = """\
Given a question and a list of tools, output a list of sub-questions in json markdown.
<Tools>
```json
{{"a_tool": "Knows {{what}}."}}
```
<Output>
```json
{{"items": [{{"sub_question": "What is A", "tool_name": "a_tool"}}]}}
```
<Tools>
```json
{{"bank": "Loans of up to 1 euro {{or}} more.", "leave": "Vacation and sick leave."}}
```
<User Question>
{q}
<Output>
"""
ONE, SEVERAL = "Return the most relevant choice", "Return no more than 2 choices that are relevant"
TWO = "How many vacation days do I get, and may I have a loan?"


@pytest.mark.parametrize(
    ("ask", "question", "chosen"),
    [
        (ONE, "How many days of vacation?", [2]),
        (ONE, "May I have a loan of up to 5 {x: 1}?", [1]),
        (ONE, "What's a 'loan'?", [1]),
        (ONE, "choice", [1]),
        (SEVERAL, "How many days of vacation?", [2]),
        (SEVERAL, TWO, [1, 2]),
        (SEVERAL, "reason", [1, 2]),
        (SEVERAL.replace("2", "1"), "reason", [1]),
    ],
)
def test_chooses_among_numbered_choices(
    brain: Brain, ask: str, question: str, chosen: list[int]
) -> None:
    items = json.loads(said(brain, NUMBERED.format(ask=ask, q=question)))
    assert sorted(item["choice"] for item in items) == chosen
    assert all(set(item) == {"choice", "reason"} for item in items)


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("How many days of vacation?", {"leave": "How many days of vacation?"}),
        (TWO, {"leave": "How many vacation days do I get?", "bank": "May I have a loan?"}),
        ("Hm", {"leave": "Hm", "bank": "Hm"}),
    ],
)
def test_asks_each_tool_that_fits_its_part(
    brain: Brain, question: str, asked: dict[str, str]
) -> None:
    text = said(brain, NAMED_TOOLS.format(q=question))
    items = json.loads(text.removeprefix("```json").removesuffix("```"))["items"]
    assert {item["tool_name"]: item["sub_question"] for item in items} == asked


@pytest.mark.parametrize(
    "prompt",
    [
        "Which train tickets? Options:\n1. Train\n2. Bus\nSay it in prose.",
        "Which train tickets? Options:\n1. Train\n2. Bus\nAs JSON such as {answer: text}.",
        "Which train tickets? As JSON such as {choice: 1}, with no options.",
        "Select a tool, as JSON.\n```json\n{not json\n```\nQuestion: Which train tickets?",
        "I classify all as 'travel'. Which train tickets?",
        'Results:\n```json\n{"tool": "gulls", "output": "Loud."}\n```\nWhich train tickets?',
        'As JSON:\n1. {"tool": "gulls", "output": "Loud."}\n2. Crane.\nWhich train tickets?',
    ],
)
def test_chooses_only_where_there_is_a_choice(brain: Brain, prompt: str) -> None:
    assert "Train tickets are second class" in said(brain, prompt)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_service_remembers_within_a_conversation(call: Caller, endpoint: str) -> None:
    talk = [
        user("How many vacation days do I get?"),
        {"role": "assistant", "content": "25 days."},
        user("And what about part-time staff?"),
    ]
    if endpoint == "maiagent":
        first = call.post(endpoint, talk[0]["content"]).json()
        text = call.ask(endpoint, talk[2]["content"], conversation=first["conversationId"])
    else:
        text = call.ask(endpoint, talk)
    assert "Part-time staff receive vacation days in proportion" in text


def test_private_ai_answers_in_json_when_told(call: Caller) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    text = call.ask("private_ai", "How many vacation days?", response_format=wanted)
    assert set(json.loads(text)) == set(SCHEMA["properties"])
    free = call.ask(
        "private_ai", "How many vacation days?", response_format={"type": "json_object"}
    )
    assert "25" in json.loads(free)["answer"]


@pytest.mark.parametrize(
    "prompt",
    [
        '{"a": ' * 3000 + "1" + "}" * 3000,
        "{" * 20_000,
        "[{" * 5_000,
        "'" * 20_000,
        "<a " * 10_000,
        "a: " * 10_000,
        "." * 20_000,
        "\ud800 \x00 \u202e",
        "{{'a': 1}} {[]: 1} {*a}",
    ],
    ids=[
        "deep json",
        "braces",
        "brackets",
        "quotes",
        "tags",
        "labels",
        "stops",
        "odd letters",
        "no keys",
    ],
)
def test_a_strange_prompt_is_answered_too(brain: Brain, prompt: str) -> None:
    assert "Train tickets are second class" in said(brain, f"{prompt}\n\nWhich train tickets?")
