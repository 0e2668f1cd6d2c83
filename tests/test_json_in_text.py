"""Objects in the text of an answer, whole and while it arrives."""

import json
from itertools import pairwise
from typing import Any

import pytest

from remote_agents.wire import json_in_text
from remote_agents.wire.json_in_text import newest_object_in, objects_in

NESTED = {
    "text": 'a "quoted" \\ backslash, {braces} and 中文',
    "items": [1, 2.5, {"deep": None}, [], True],
    "inner": {"first": {"name": "Ann"}, "second": {}},
    "last": "end",
}


@pytest.mark.parametrize("before", ["", "From {1, 2} follows: ", '<think>{"a": ...}</think>'])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_nested_object_only_grows(before: str, ascii_only: bool) -> None:
    said = before + json.dumps(NESTED, ensure_ascii=ascii_only)
    grown = [newest_object_in(said[:end]) or {} for end in range(len(before), len(said) + 1)]
    assert all(list(part) == list(NESTED)[: len(part)] for part in grown)  # never an inner one
    texts = [part.get("text", "") for part in grown]
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert grown[-1] == NESTED
    assert len({json.dumps(part) for part in grown}) > len(NESTED["text"])


def test_an_object_grows_among_words() -> None:
    said = 'From the set {1, 2} follows:\n{"days": 25, "answer": "25"}'
    grown = [newest_object_in(said[:end]) for end in range(len(said) + 1)]
    shown = [part for before, part in pairwise(grown) if part != before]
    assert shown == [{"days": 2}, {"days": 25}, {"days": 25, "answer": ""}, *shown[3:]]
    assert shown[-1] == {"days": 25, "answer": "25"}


@pytest.mark.parametrize(
    ("text", "newest"),
    [
        ("", None),
        ("no object {here}", None),
        ('{"a', None),
        ('{"a": 1} and {"b', {"a": 1}),
        ('{"a": 1} and {"b": [1, {"c": 2}', {"b": [1, {"c": 2}]}),
        ('{"a": 24, hm</think>{"a": 25', {"a": 25}),
        ('{"a": "half an escape \\u4e', {"a": "half an escape "}),
        ('{"a": "a line\nbreak', {"a": "a line\nbreak"}),
        ('{"a": ' * 100_000, None),
    ],
)
def test_the_object_that_is_arriving(text: str, newest: Any) -> None:
    assert newest_object_in(text) == newest


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1} {"b": {"c": 2}}', [{"a": 1}, {"b": {"c": 2}}]),
        ("```json\n{}\n```", [{}]),
        ("[1, 2]", [[1, 2]]),
    ],
)
def test_the_objects_of_a_whole_answer(text: str, found: Any) -> None:
    assert objects_in(text) == found


@pytest.mark.parametrize("text", ["", "words", '{"a": 1', '{"a": ' * 100_000])
def test_an_answer_without_an_object(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|deeply"):
        objects_in(text)


@pytest.mark.parametrize("piece", ['{"a"', '{"a', '{"a":', '{"a": "b', '{"a": [1, ', '{"a": 1} '])
def test_an_answer_that_opens_many_objects_is_read_once(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, reading = list[str](), json_in_text._as_far_as_it_goes

    def counted(text: str) -> object:
        read.append(text)
        return reading(text)

    monkeypatch.setattr(json_in_text, "_as_far_as_it_goes", counted)
    json_in_text.newest_object_in(piece * 5000)
    assert len(read) < 20
