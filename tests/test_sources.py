"""Each source once: in the reply, in both frameworks, and in what a person is shown."""

from __future__ import annotations

import json
import re
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, strategies as st
from markdown_it import MarkdownIt

from remote_agents import Citation
from remote_agents.testing.ways import FRAMEWORKS, Way
from remote_agents.types import Citations, Reply, TextDelta
from tests.raw_server import CLOSE, head, serving

FILE = {"id": "f1", "filename": "vacation.md", "file": "https://files/vacation.md"}
OTHER = {"id": "f2", "filename": "plan.md", "file": "https://files/plan.md"}


def node(text: str, filename: str = "vacation.md", score: float = 0.5) -> dict[str, Any]:
    return {"chatbotTextNode": {"id": text, "text": text, "filename": filename}, "score": score}


NODES = [node("Full time: 25 days."), node("Part time: a share.", score=0.4)]
SHOWN = [
    ("Full time: 25 days.", "vacation.md", "https://files/vacation.md", 0.5),
    ("Part time: a share.", "vacation.md", "https://files/vacation.md", 0.4),
    (None, "plan.md", "https://files/plan.md", None),
]


def frames(*parts: dict[str, Any]) -> bytes:
    said = [{"conversationId": "c", "content": "25 days", "done": False}, *parts]
    said.append({"conversationId": "c", "content": "", "done": True})
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in said)


PASSAGES, FILES = {"citationNodes": NODES}, {"citations": [FILE, OTHER]}
ARRIVALS = {
    "together": [{**PASSAGES, **FILES}],
    "passages first": [PASSAGES, FILES],
    "files first": [FILES, PASSAGES],
    "again and again": [{**PASSAGES, **FILES}, FILES, PASSAGES, {**FILES, **PASSAGES}],
    "one by one": [{"citationNodes": [n]} for n in NODES] + [FILES],
}


def served(parts: list[dict[str, Any]]) -> bytes:
    told = [{"conversationId": "c", "content": "", "done": False, **part} for part in parts]
    return frames(*told)


def facts(framework: str, message: Any) -> list[tuple[Any, ...]]:
    """Text, title, link and score of each source, as a user of the framework finds them."""
    names = ("text", "title", "url", "score")
    if framework == "plain":
        return [tuple(getattr(each, name) for name in names) for each in message.citations]
    listed = message.additional_kwargs["citations"]
    return [tuple(each.get(name) for name in names) for each in listed]


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("arrival", list(ARRIVALS))
async def test_passages_and_files_are_joined(arrival: str, framework: str, awaited: bool) -> None:
    with serving([head(), served(ARRIVALS[arrival]), CLOSE]) as server:
        settings = {"base_url": server.url, "agent_id": "b", "api_key": "k"}
        way = Way(framework, "maiagent", streamed=True, awaited=awaited, **settings)
        answer = await way.ask("How many days?")
    assert sorted(facts(framework, answer.message), key=str) == sorted(SHOWN, key=str)


def collected(parts: list[Citation]) -> list[Citation]:
    sources = Citations()
    for part in parts:
        sources.add(part)
    return sources.found


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_of_arrival_does_not_matter(order: tuple[int, ...]) -> None:
    def parts() -> list[Citation]:
        return [
            Citation("a.md", text="One.", id="1"),
            Citation("a.md", text="Two.", id="2", url="https://a"),
            Citation("a.md", url="https://a", id="f"),
            Citation("b.md", url="https://b"),
        ]

    found = collected([parts()[place] for place in order])
    assert {(each.text, each.url) for each in found} == {
        ("One.", "https://a"),
        ("Two.", "https://a"),
        (None, "https://b"),
    }
    assert len(found) == 3


def test_pages_of_one_name_and_two_addresses_are_two_sources() -> None:
    pages = [Citation("Home", url="https://a"), Citation("Home", url="https://b")]
    assert collected(pages) == pages
    text = Citation("Home", url="https://c", text="Said there.")
    assert collected([*pages, text]) == [*pages, text]


def test_a_source_that_comes_again_fills_in_what_was_missing() -> None:
    again = Citation("a.md", text="One.", url="https://a", score=0.5, extra={"page": 1})
    (found,) = collected([Citation("a.md", text="One."), again])
    assert (found.url, found.score, found.extra) == ("https://a", 0.5, {"page": 1})


def test_a_person_is_shown_each_document_once() -> None:
    reply = Reply("maiagent", "maiagent:b@host")
    for text in ("One.", "Two.", "Three."):
        reply.add(Citation("a.md", url="https://x.io/a", text=text))
    reply.add(Citation("b.md"))
    for shown in (reply._repr_html_(), reply._repr_markdown_()):
        assert len(re.findall(r"a\.md", shown)) == 1
        assert "3 passages" in shown
        assert "b.md" in shown


@pytest.mark.parametrize("name", [str, lambda n: "Home"], ids=["many names", "one name"])
def test_many_citations_take_no_longer_for_each_other(name: Any) -> None:
    """Comparing each with all before it would be hundreds of millions of comparisons."""
    passages = [Citation(name(n), text=f"Passage {n}.") for n in range(20_000)]
    files = [Citation(name(n), url=f"https://{n}") for n in range(20_000)]
    assert len(collected([*passages, *files])) <= 40_000
    assert len(collected([*files, *passages])) <= 40_000


@given(st.text(alphabet="`~ \n\r\u2028<>a*[]()!#-|$"), st.text(alphabet="`\n<a"))
def test_nothing_leaves_the_fence_of_what_shows_no_html(text: str, title: str) -> None:
    reply = Reply("maiagent", "maiagent:b@host")
    reply.add(TextDelta(text))
    reply.add(Citation(title or "a.md"))
    kinds = [token.type for token in MarkdownIt("commonmark").parse(reply._repr_markdown_())]
    assert kinds == ["fence"]
