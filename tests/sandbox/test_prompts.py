"""Whatever the template, the labels, the language or the order: what holds the answer answers."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from remote_agents.sandbox.mind.answers import Ask, Brain
from remote_agents.sandbox.mind.knowledge import Knowledge
from tests.sandbox.prompts import LANGCHAIN, SHAPES, Messages, llama_index


class Fact(NamedTuple):
    """A question, the sentence that answers it, and its value. The handbook says none of them."""

    question: str
    sentence: str
    value: str


FACTS = {
    "like the handbook's": Fact(
        "When does the canteen open?", "The canteen in hall 7 opens at 12:15 on weekdays.", "12:15"
    ),
    "not in the handbook": Fact("How much can crane 9 lift?", "Crane 9 can lift 42 tonnes.", "42"),
    "a name": Fact(
        "Who is the head of the dive team?", "The head of the dive team is Ada Quill.", "Ada Quill"
    ),
    "german": Fact("Wann öffnet die Kantine?", "Die Kantine ist ab 12:15 Uhr geöffnet.", "12:15"),
    "german compound": Fact(
        "Wie hoch ist die Parkgebühr?", "Die Parkgebühren liegen bei 18 Euro im Monat.", "18 Euro"
    ),
    "chinese": Fact("食堂几点开门？", "食堂在工作日12点15分开门。", "12点15分"),
    "chinese name": Fact("潜水队的负责人是谁？", "潜水队负责人是林晓。", "林晓"),
}
AROUND = {
    "en": ("Gulls are loud in spring.", "The lighthouse was painted white."),
    "de": ("Möwen sind im Frühling laut.", "Der Leuchtturm wurde weiß gestrichen."),
    "zh": ("春天海鸥很吵。", "灯塔被漆成了白色。"),
}
PROMPTS = {
    **{f"llama_index: {name}": messages for name, messages in llama_index().items()},
    **{f"langchain: {name}": messages for name, messages in LANGCHAIN.items()},
    **{f"shape: {name}": messages for name, messages in SHAPES.items()},
}


@pytest.fixture(scope="module")
def handbook() -> Brain:
    return Brain(Knowledge())


def asked(messages: Messages, question: str, context: str) -> Ask:
    texts = [(role, t.replace("{q}", question).replace("{c}", context)) for role, t in messages]
    return Ask([{"role": role, "content": text} for role, text in texts])


def test_there_are_sixty_prompts() -> None:
    assert len(PROMPTS) >= 60


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
@pytest.mark.parametrize("messages", PROMPTS.values(), ids=PROMPTS)
def test_the_fact_of_a_prompt_is_the_answer(
    handbook: Brain, messages: Messages, fact: Fact
) -> None:
    assert fact.value in handbook.answer(asked(messages, fact.question, fact.sentence)).text


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
@pytest.mark.parametrize("messages", PROMPTS.values(), ids=PROMPTS)
def test_the_fact_is_found_among_others(
    handbook: Brain, messages: Messages, fact: Fact, place: str
) -> None:
    one, other = AROUND["zh" if not fact.question.isascii() and "？" in fact.question else "en"]
    order = {
        "first": (fact.sentence, one, other),
        "middle": (one, fact.sentence, other),
        "last": (one, other, fact.sentence),
    }[place]
    assert fact.value in handbook.answer(asked(messages, fact.question, " ".join(order))).text
