"""Whatever the template, the labels, the language or the order: what holds the answer answers."""

from __future__ import annotations

import json

import pytest

from remote_agents.sandbox.mind.answers import NOTHING, Ask, Brain
from tests.sandbox.facts import AROUND, FACTS, LANGUAGES, UNANSWERED
from tests.sandbox.prompts import PROMPTS
from tests.sandbox.prompts.shapes import NOT_KNOWN, Messages

# These hand over an earlier answer or a text to shorten, so that there is always one to give.
NEVER_EMPTY = ("nothing new", "flare", "summary", "summary, refined", "contextual retrieval")


def asked(messages: Messages, question: str, context: str) -> Ask:
    texts = [(role, t.replace("{q}", question).replace("{c}", context)) for role, t in messages]
    return Ask([{"role": role, "content": text} for role, text in texts])


def test_there_are_sixty_prompts_of_the_frameworks_own_packages() -> None:
    assert sum(not name.startswith("shape") for name in PROMPTS) >= 60


@pytest.mark.parametrize("messages", PROMPTS.values(), ids=PROMPTS)
def test_the_fact_of_a_prompt_is_the_answer(handbook: Brain, messages: Messages) -> None:
    wrong = {}
    for name, fact in FACTS.items():
        one, other = AROUND[LANGUAGES[name]]
        orders = [(fact.sentence,), (fact.sentence, one, other), (one, fact.sentence, other)]
        for order in [*orders, (one, other, fact.sentence)]:
            said = handbook.answer(asked(messages, fact.question, " ".join(order))).text
            if fact.value not in said:
                wrong[order] = said
    assert wrong == {}


@pytest.mark.parametrize("name", [name for name in PROMPTS if not name.endswith(NEVER_EMPTY)])
def test_what_nothing_answers_is_not_answered(handbook: Brain, name: str) -> None:
    wrong = {}
    for question, text in UNANSWERED.values():
        said = handbook.answer(asked(PROMPTS[name], question, text)).text
        first, _, form = said.partition("\n")
        honest = first in (NOTHING, "NO_OUTPUT") and form in ("", "Score: 0", "SOURCES: ")
        if not (honest or NOT_KNOWN in said):
            wrong[question] = said
    assert wrong == {}


@pytest.mark.parametrize(
    ("text", "question", "value"),
    [
        ("Crane 9 stands at berth 2. It can lift 42 tonnes.", "How much can crane 9 lift?", "42"),
        ("Crane 9\n\n- Lifts: 42 tonnes\n- Built: 1987", "How much can crane 9 lift?", "42"),
        ("FAQ\n\nWhen does the canteen open?\nAt 12:15.", "When does the canteen open?", "12:15"),
        ("# Canteen\n\nOpen from 12:15 to 14:00.", "When does the canteen open?", "12:15"),
        ("Die Kantine ist in Halle 7. Sie öffnet um 12:15 Uhr.", "Wann öffnet die Kantine?", "12"),
        ("食堂在7号楼。它12点15分开门。", "食堂几点开门？", "12点15分"),
    ],
)
def test_what_stands_around_a_sentence_says_what_it_is_about(
    handbook: Brain, text: str, question: str, value: str
) -> None:
    assert value in handbook.answer(asked([("user", "{c}\n\n{q}")], question, text)).text


RECORD_PLACES: dict[str, Messages] = {
    "before": [("user", "{c}\n\n{q}")],
    "after": [("user", "{q}\n\n{c}")],
    "a tool's result": [("user", "{q}"), ("assistant", ""), ("tool", "{c}")],
    "a system message": [("system", "Answer from the data.\n{c}"), ("user", "{q}")],
}
CRANES = [
    {"name": "crane 7", "lifts": "12 tonnes", "colour": "red"},
    {"name": "crane 9", "lifts": "42 tonnes", "colour": "yellow"},
    {"name": "crane 11", "lifts": "60 tonnes", "colour": "blue"},
]
COLUMNS = CRANES[0].keys()
RECORDS = {
    "json": json.dumps(CRANES),
    "indented json": json.dumps(CRANES, indent=2),
    "json lines": "\n".join(map(json.dumps, CRANES)),
    "python": str(CRANES),
    "csv": "\n".join(",".join(row) for row in (COLUMNS, *(each.values() for each in CRANES))),
    "yaml": "\n".join("- " + "\n  ".join(f"{k}: {v}" for k, v in each.items()) for each in CRANES),
    "xml": "".join(
        f"<crane>{''.join(f'<{k}>{v}</{k}>' for k, v in each.items())}</crane>" for each in CRANES
    ),
    "an html table": "<table>"
    + "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
        for row in (COLUMNS, *(each.values() for each in CRANES))
    )
    + "</table>",
    "a table": "\n".join(
        f"| {' | '.join(row)} |"
        for row in (COLUMNS, ["---"] * 3, *(each.values() for each in CRANES))
    ),
    "headings": "\n\n".join(
        f"## {each['name']}\n\n- lifts: {each['lifts']}\n- colour: {each['colour']}"
        for each in CRANES
    ),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
@pytest.mark.parametrize("messages", RECORD_PLACES.values(), ids=RECORD_PLACES)
def test_a_record_answers_with_its_own_field(
    handbook: Brain, messages: Messages, record: str
) -> None:
    lifts = handbook.answer(asked(messages, "How much does crane 9 lift?", record)).text
    colour = handbook.answer(asked(messages, "Which colour is crane 11?", record)).text
    assert "42" in lifts
    assert "60" not in lifts
    assert "blue" in colour
    assert "yellow" not in colour
