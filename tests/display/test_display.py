"""What a notebook is given: one display for every kind of stream, and nothing executable in it."""

import html
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given, strategies as st
from langchain_core.messages import AIMessageChunk, message_chunk_to_message
from llama_index.core.base.response.schema import Response
from llama_index.core.llms import ChatMessage, ChatResponse, CompletionResponse
from llama_index.core.schema import NodeWithScore, TextNode

from remote_agents import display
from remote_agents.display import display_stream
from remote_agents.types import Citation, File, Finish, ReasoningDelta, Reply, TextDelta, ToolCall
from remote_agents.types.rendering import render

SOURCE = {"title": "Vacation", "url": "https://example.com/vacation"}


def core() -> list[Any]:
    reply = Reply("bluenexus", "bluenexus:default@host")
    events = [
        ReasoningDelta("Look it up."),
        ToolCall("1", "search"),
        TextDelta("**25** "),
        TextDelta("days"),
        Citation(**SOURCE),
    ]
    for event in events:
        reply.add(event)
    return [*events, Finish("stop", reply)]


def langchain() -> list[Any]:
    note = {"type": "citation", **SOURCE}
    blocks: list[dict[str, Any]] = [
        {"type": "reasoning", "reasoning": "Look it up.", "index": 0},
        {"type": "text", "text": "**25** ", "index": 1},
        {"type": "text", "text": "days", "annotations": [note], "index": 1},
    ]
    return [AIMessageChunk(content=[block]) for block in blocks]


def llamaindex() -> list[Any]:
    def response(text: str, delta: str, **extra: Any) -> ChatResponse:
        kept = {"citations": extra.pop("citations", [])}
        message = ChatMessage(role="assistant", content=text, additional_kwargs=kept)
        return ChatResponse(message=message, delta=delta, additional_kwargs=extra)

    return [
        response("", "", thinking_delta="Look it up."),
        response("**25** ", "**25** "),
        response("**25** days", "days", citations=[SOURCE]),
        response("**25** days", "", citations=[SOURCE]),
    ]


def texts() -> list[Any]:
    return ["**25** ", "days"]


STREAMS = {"core": core, "langchain": langchain, "llamaindex": llamaindex, "texts": texts}


class Output:
    """A notebook's output area: what was drawn, and when."""

    def __init__(self) -> None:
        self.drawn: list[dict[str, str]] = []

    def display(self, bundle: dict[str, str], **_: Any) -> "Output":
        self.drawn.append(bundle)
        return self

    def update(self, bundle: dict[str, str], **_: Any) -> None:
        self.drawn.append(bundle)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Output:
    output = Output()
    monkeypatch.setattr(display, "_screen", lambda: display._Notebook(output.display))
    return output


async def shown(items: list[Any], mode: str, pause: float = 0.0) -> Any:
    def each() -> Iterator[Any]:
        for item in items:
            time.sleep(pause)
            yield item

    async def each_async() -> AsyncIterator[Any]:
        for item in each():
            yield item

    return display_stream(each()) if mode == "sync" else await display_stream(each_async())


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("kind", STREAMS)
async def test_every_stream_is_shown(kind: str, mode: str, notebook: Output) -> None:
    result = await shown(STREAMS[kind](), mode)
    last = notebook.drawn[-1]
    assert "<strong>25</strong> days" in last["text/html"]
    assert "**25** days" in last["text/plain"]
    if kind != "texts":
        page = last["text/html"]
        assert re.search("<details><summary>Reasoning</summary><div[^>]*>Look it up.</div>", page)
        assert (
            len(re.findall('<a href="https://example.com/vacation"[^>]*>Vacation</a>', page)) == 1
        )
    text = {
        "core": lambda: result.text,
        "langchain": lambda: result.text,
        "llamaindex": lambda: result.message.content,
        "texts": lambda: result,
    }
    assert text[kind]() == "**25** days"


def test_a_whole_answer_is_shown_at_once(notebook: Output) -> None:
    reply, message = core()[-1].reply, sum(langchain()[1:], langchain()[0])
    whole = message_chunk_to_message(message)
    node = NodeWithScore(node=TextNode(text="25 days", metadata=SOURCE))
    answers = [reply, whole, llamaindex()[-1], Response("**25** days", source_nodes=[node])]
    for answer in answers:
        assert display_stream(answer) is answer
        page = notebook.drawn[-1]["text/html"]
        assert "<strong>25</strong> days" in page
        assert (
            len(re.findall('<a href="https://example.com/vacation"[^>]*>Vacation</a>', page)) == 1
        )
    assert display_stream("25") == "25"


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_at_most_20_redraws_a_second(mode: str, notebook: Output) -> None:
    begun = time.monotonic()
    await shown([str(n) + " " for n in range(100)], mode, pause=0.004)
    seconds = time.monotonic() - begun
    assert 3 < len(notebook.drawn) <= seconds * 20 + 2
    assert notebook.drawn[-1]["text/plain"].split() == [str(n) for n in range(100)]


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_what_arrived_stays_when_the_stream_breaks(mode: str, notebook: Output) -> None:
    closed = []

    def broken() -> Iterator[TextDelta]:
        try:
            yield TextDelta("25 ")
            yield TextDelta("days")
            raise ConnectionResetError
        finally:
            closed.append(True)

    async def broken_async() -> AsyncIterator[TextDelta]:
        for item in broken():
            yield item

    with pytest.raises(ConnectionResetError):
        display_stream(broken()) if mode == "sync" else await display_stream(broken_async())
    assert notebook.drawn[-1]["text/plain"] == "25 days"
    assert closed


def test_outside_a_notebook_the_text_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert display_stream(iter(core())).text == "**25** days"
    assert capsys.readouterr().out == "**25** days\n[1] Vacation\n"
    assert display_stream(iter([])) is None


PLAN = File("image", "https://files/plan.png", "f1", "plan.png")
INLINE = [File("image", data=b"1"), File("image", data=b"2")]
FILES = [PLAN, File("file", id="f2", filename="<b>.pdf\n[2] x"), *INLINE]


def with_files() -> dict[str, list[Any]]:
    """Answers with files: the items of a stream, or the one whole answer."""
    reply = Reply("maiagent", "maiagent:b@host")
    for event in (TextDelta("25 days"), Citation(**SOURCE), *FILES):
        reply.add(event)
    known = {"citations": [SOURCE], "files": [file.to_dict() for file in FILES]}
    note = {"type": "citation", **SOURCE}
    blocks: list[Any] = [{"type": "text", "text": "25 days", "annotations": [note]}]
    chunk = AIMessageChunk(content=blocks, additional_kwargs=known)
    said = ChatMessage("25 days", role="assistant", additional_kwargs=known)
    return {
        "events": [TextDelta("25 days"), PLAN, Citation(**SOURCE), Finish("stop", reply)],
        "langchain stream": [chunk],
        "llamaindex stream": [
            ChatResponse(message=said, delta="25 "),
            ChatResponse(message=said, delta="days"),
        ],
        "completions": [
            CompletionResponse(text="25 days", delta="25 days"),
            CompletionResponse(text="25 days", delta="", additional_kwargs=known),
        ],
        "reply": [reply],
        "langchain": [message_chunk_to_message(chunk)],
        "llamaindex": [ChatResponse(message=said)],
        "completion": [CompletionResponse(text="25 days", additional_kwargs=known)],
    }


STREAMED = ("events", "langchain stream", "llamaindex stream", "completions")
WHOLE = ("reply", "langchain", "llamaindex", "completion")


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *((kind, mode) for kind in STREAMED for mode in ("sync", "async")),
        *((kind, "whole") for kind in WHOLE),
    ],
)
async def test_files_are_listed(
    kind: str, mode: str, notebook: Output, capsys: pytest.CaptureFixture[str]
) -> None:
    items = with_files()[kind]
    reply = with_files()["reply"][0]
    with pytest.MonkeyPatch.context() as patch:
        for screen in (display._screen(), display._Terminal()):
            patch.setattr(display, "_screen", lambda screen=screen: screen)
            display_stream(items[0]) if mode == "whole" else await shown(items, mode)
    assert notebook.drawn[-1]["text/html"] == reply._repr_html_()
    assert notebook.drawn[-1]["text/markdown"] == reply._repr_markdown_()
    listed = [
        "25 days",
        "[1] Vacation",
        "File: plan.png https://files/plan.png",
        "File: <b>.pdf [2] x",
        "File: image",
        "File: image",
    ]
    assert capsys.readouterr().out.splitlines() == listed
    assert notebook.drawn[-1]["text/plain"].splitlines() == listed


def test_a_stream_of_something_else_is_refused(notebook: Output) -> None:
    with pytest.raises(TypeError, match="dict"):
        display_stream([{"answer": "25 days"}])


@pytest.mark.parametrize("missing", ["markdown_it", "nh3"])
def test_without_the_extra_the_text_is_shown_as_it_is(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = core()[-1].reply
    reply.add(TextDelta(" <b>"))
    assert "<strong>25</strong>" in reply._repr_html_()
    monkeypatch.setitem(sys.modules, missing, None)
    assert "**25** days &lt;b&gt;" in reply._repr_html_()


# --- nothing that an agent writes is executed -----------------------------------------------------

SAFE_TAGS = re.compile(
    r"a|b|blockquote|br|code|del|details|div|em|h[1-6]|hr|i|li|ol|p|pre|s|span|strong|summary"
    r"|table|tbody|td|th|thead|tr|ul"
)
SAFE_ATTRIBUTES = {"href", "title", "class", "style", "start", "align", "id", "rel"}


class Inspector(HTMLParser):
    """Collects every tag, attribute and address that a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.bad: list[Any] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            address = re.sub(r"[\s\x00-\x1f]", "", value or "").lower()
            if name not in SAFE_ATTRIBUTES:
                self.bad.append((tag, name, value))
            if name == "href" and not re.match(r"https?:|mailto:|(?![a-z][a-z\d+.-]*:)", address):
                self.bad.append((tag, name, value))
            if name == "style" and not re.match(
                r"(text-align:\w+|white-space:pre-wrap);?$", address
            ):
                self.bad.append((tag, name, value))
        if not SAFE_TAGS.fullmatch(tag):
            self.bad.append(tag)

    handle_startendtag = handle_starttag


PIECES = [
    "<", ">", "</", "/>", "script", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>", "<a href='javascript:alert(1)'>", "javascript:alert(1)",
    "data:text/html,x", "[", "]", "(", ")", "](", "]:", "![", "[a]", "[a]: ", "\\", "`", "``",
    "```", "```\n", "~~~", "\n", "\n\n", "    ", "\t", " ", "- ", "1. ", "> ", "# ",
    "| a | b |\n|---|---|\n", "&", "&lt;", "&#60;", "&#x6A;avascript:", "*", "_", "**", "'", "\"",
    "on", "=", "https://example.com", "mailto:", "a", "$", "<!--", "-->", "<![CDATA[", "<?",
    "JaVaScRiPt:", "vbscript:", "\u0000", "\u2028", "</pre>", "</code>", "</details>",
]  # fmt: skip


@example("```\n</code></pre><script>alert(1)</script>\n```")
@example("`</code><img src=x onerror=alert(1)>`")
@example("<ms-settings:x>")
@example("[a]\n\n[a]: javascript:alert(1)")
@example("[a][b]\n\n[b]:\n  javascript:alert(1)")
@example("[a]( javascript:alert(1))")
@example("[a]: >javascript:alert(1)```\n[a]")  # an address without a scheme
@example("[a](\njavascript:alert(1))")
@example("![a](https://example.com/x.png)")
@example("[![a](https://example.com/x.png)](javascript:alert(1))")
@example("- a\n\n  ```html\n  <script>\n\n  alert(1)</script>\n  ```\n")
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_nothing_is_executable(attack: str) -> None:
    reply = Reply("bluenexus", "agent")
    reply.add(ReasoningDelta(attack))
    reply.add(TextDelta(attack))
    for url in (attack, "https://example.com/" + attack, "javascript:alert(1)"):
        reply.add(Citation(title=attack, url=url))
    assert Inspector(reply._repr_html_()).bad == []


CODE = "if a < b && c > d:\n\n    print('<b>')"
PROSE = {
    "**25** days": "<strong>25</strong>",
    f"```python\n{CODE}\n```": html.escape(CODE),
    f"- item\n\n  ```\n  {CODE.splitlines()[0]}\n\n  x\n  ```\n- next": "a &lt; b &amp;&amp; c",
    "use `a<b` & *so*": "<code>a&lt;b</code> &amp; <em>so</em>",
    "[site](https://example.com/?a=1&b=2)": 'href="https://example.com/?a=1&amp;b=2"',
    "| a | b |\n|---|---|\n| 1 | 2 |": "<td>1</td>",
    "a < b & c": "a &lt; b &amp; c",
    "> quoted": "<blockquote>",
}


@pytest.mark.parametrize("text", PROSE)
def test_markdown_is_rendered(text: str) -> None:
    page = render(text)
    assert PROSE[text] in page or html.unescape(PROSE[text]) in html.unescape(page)
    assert "&amp;lt;" not in page


def test_tex_has_no_links() -> None:
    for text in (r"$\href{javascript:alert(1)}{x}$", r"$\\href{x}{y}$"):
        reply = Reply("bluenexus", "agent")
        reply.add(TextDelta(text))
        assert "\\href" not in reply._repr_html_()
    assert r"$\frac{1}{2}$" in render(r"$\frac{1}{2}$")
