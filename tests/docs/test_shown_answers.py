"""What pages and notebooks show as an answer is what the handbook says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from remote_agents.sandbox.mind.knowledge import HANDBOOK
from tests.docs.blocks import blocks_of

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HANDBOOK_PAGES = {
    text.partition("\n")[0].lstrip("# "): text
    for text in (path.read_text() for path in HANDBOOK.glob("*.md"))
}
CITED = re.compile(r"([^()\n]*[^()\n .]) \(see ([^)\n]+)\)\.")
BESIDE = re.compile(r"^.*?(?:file: \S+\.|Answer:|\w+ >|\[\d\]) ")
FIELD = re.compile(r"\b(\w+)=(\d+)\b")
QUESTION = re.compile(r'"([A-Z][^"\n]{5,120}\?)"')
# Read in the handbook by a person: what the answer to each question has to hold.
RIGHT = {
    "How long is parental leave?": ("Parental and Special Leave", "16 weeks"),
    "How many weeks is parental leave?": ("Parental and Special Leave", "16 weeks"),
    "Can it be split?": ("Parental and Special Leave", "three periods"),
    "When is salary paid?": ("Pay and Bonus", "25th of each month"),
    "How many vacation days do I get?": ("Vacation", "25 vacation days"),
    "And what about part-time staff?": ("Vacation", "12.5 days"),
    "And after ten years?": ("Vacation", "30 vacation days"),
    "Do unused vacation days expire?": ("Vacation", "31 March"),
    "How long must passwords be?": ("IT Security", "14 characters"),
}


class Shown(NamedTuple):
    """A piece of code and what is shown as its output."""

    where: str
    code: str
    output: str


def of_pages() -> list[Shown]:
    return [
        Shown(f"{page.relative_to(ROOT)}:{block.line}", block.code, block.output)
        for page in PAGES
        for block in blocks_of(page.read_text())
        if block.output
    ]


def of_notebooks() -> list[Shown]:
    shown = []
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text())["cells"]
        for number, cell in enumerate(c for c in cells if c["cell_type"] == "code"):
            texts = map(_text_of, cell["outputs"])
            shown.append(Shown(f"{path.name}:{number}", "".join(cell["source"]), "\n".join(texts)))
    return shown


def _text_of(output: dict[str, Any]) -> str:
    """What is shown as text; of a picture nothing."""
    data = output.get("data", {})
    return (
        "" if "image/svg+xml" in data else "".join(output.get("text", data.get("text/plain", "")))
    )


SHOWN = [*of_pages(), *of_notebooks()]


def sentences(text: str) -> list[str]:
    parts = re.split(r"(?<=[.]) (?=[A-Z])", BESIDE.sub("", text).strip(" '\""))
    return [part.rstrip(".") for part in parts]


def cited() -> list[tuple[str, str, str]]:
    return [
        (shown.where, sentence, found[2])
        for shown in SHOWN
        for found in CITED.finditer(shown.output)
        for sentence in sentences(found[1])
    ]


def test_every_sentence_with_a_source_stands_on_that_page_of_the_handbook() -> None:
    found = cited()
    wrong = [each for each in found if each[1] not in HANDBOOK_PAGES.get(each[2], "")]
    assert wrong == []
    assert len(found) > 50


@pytest.mark.parametrize(("title", "value"), RIGHT.values(), ids=RIGHT)
def test_the_right_values_are_those_of_the_handbook(title: str, value: str) -> None:
    assert value in HANDBOOK_PAGES[title]


def asked() -> list[tuple[Shown, str]]:
    """What shows one answer with its source, and the question, which is the last of the code."""
    pairs = [(shown, QUESTION.findall(shown.code)) for shown in SHOWN]
    return [
        (shown, questions[-1])
        for shown, questions in pairs
        if questions and len(CITED.findall(shown.output)) == 1
    ]


def test_each_question_is_answered_with_its_own_value() -> None:
    known = [(shown, RIGHT[question][1]) for shown, question in asked() if question in RIGHT]
    assert [shown.where for shown, value in known if value not in shown.output] == []
    assert len(known) > 40
    assert {question for _, question in asked()} <= RIGHT.keys()


def test_each_field_has_the_number_with_its_unit() -> None:
    fields = [
        (shown.where, f"{number} {name}", RIGHT[question][1])
        for shown in SHOWN
        for question in QUESTION.findall(shown.code)[-1:]
        for name, number in FIELD.findall(shown.output)
        if "with_structured_output" in shown.code or "as_structured_llm" in shown.code
    ]
    assert [each for each in fields if each[1] not in each[2]] == []
    assert fields
