"""All agents, two frameworks, one folder of documents."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.mind.knowledge import HANDBOOK
from remote_agents.services import ENDPOINTS
from remote_agents_demo.chain import Dialogue, Notes
from remote_agents_demo.documents import Index
from remote_agents_demo.engine import query

WORD_DELAY = 0.015


@dataclass(frozen=True)
class Script:
    """Two questions; an answer to the second has a word of the topic, if it was understood."""

    question: str
    follow_up: str
    topic: frozenset[str]


USUAL = Script(
    "How many vacation days do I get?",
    "And what about part-time staff?",
    frozenset({"vacation"}),
)


@dataclass
class Result:
    """What became of one agent."""

    endpoint: str
    first_token: float = 0.0
    tokens: int | None = None
    conversation: str = ""
    sources: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; gives the exit code, 1 if an agent failed."""
    options = _parser().parse_args(argv)
    console = Console(highlight=False, quiet=options.json)
    try:
        folder = options.documents or HANDBOOK
        index = Index(folder)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    script = _script(options, index)
    with Sandbox(documents=options.documents, word_delay=WORD_DELAY) as box:
        console.print(f"The sandbox answers at {box.url} from {folder}.", soft_wrap=True)
        results = [
            _try(endpoint, box.kwargs(endpoint), index, script, console) for endpoint in ENDPOINTS
        ]
    if options.json:
        print(*(json.dumps(asdict(result)) for result in results), sep="\n")
    console.print(_table(results))
    return 1 if any(result.problems for result in results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="remote-agents demo", description=__doc__)
    add = parser.add_argument
    add("--documents", type=Path, help="folder of .md and .txt files; a handbook by default")
    add("--question", help="what to ask")
    add("--follow-up", help="what to ask next, in the same conversation")
    add("--json", action="store_true", help="print a line of JSON for each agent, and nothing else")
    return parser


def _script(options: argparse.Namespace, index: Index) -> Script:
    """What was given, else what suits the documents."""
    if not (options.documents or options.question or options.follow_up):
        return USUAL
    first, *others = [p for p in index.passages if p.source == index.passages[0].source]
    question = options.question or f"What about {first.title}?"
    found = index.search(question)
    about = found[0][0].source if found else first.source
    topic = _words(" ".join(p.text for p in index.passages if p.source == about))
    other = others[0].heading if others else first.title
    return Script(question, options.follow_up or f"And what about {other}?", frozenset(topic))


def _try(
    endpoint: str,
    connection: dict[str, Any],
    index: Index,
    script: Script,
    console: Console,
) -> Result:
    result = Result(endpoint)
    console.rule(f"[bold]{ENDPOINTS[endpoint].title}[/] ({endpoint})")
    try:
        _talk(result, Dialogue(endpoint, connection, index), script, console)
        _query(result, connection, index, script.question, console)
        result.sources = list(dict.fromkeys(result.sources))
    except Exception as error:  # the other agents are still worth watching
        result.problems.append(f"{type(error).__name__}: {error}")
    for problem in result.problems:
        console.print(Text(f"✗ {problem}", "red"))
    return result


def _talk(result: Result, dialogue: Dialogue, script: Script, console: Console) -> None:
    """Two questions in one conversation."""
    said: list[str] = []
    conversations = set()
    for question in (script.question, script.follow_up):
        notes = Notes()
        console.print(Text(f"LangChain > {question}", "bold cyan"))
        said.append(_streamed(result, dialogue, question, notes, console))
        assert notes.message is not None
        usage = notes.message.usage_metadata
        if usage:
            result.tokens = (result.tokens or 0) + usage["total_tokens"]
        conversations.add(notes.message.response_metadata.get("conversation_id", ""))
        result.sources += [str(document.metadata["source"]) for document in notes.documents]
        if not said[-1].strip():
            result.problems.append(f"The answer to {question!r} is empty.")
        if not notes.documents:
            result.problems.append(f"No passage was found for {question!r}.")
    result.conversation = ", ".join(sorted(conversations))
    if len(conversations) != 1:
        result.problems.append("The follow-up was not in the same conversation.")
    if not script.topic & _words(said[1]):
        result.problems.append("The follow-up was not understood: its answer lost the topic.")


def _streamed(
    result: Result, dialogue: Dialogue, question: str, notes: Notes, console: Console
) -> str:
    begun, text = time.monotonic(), ""
    for piece in dialogue.ask(question, notes):
        if piece and not result.first_token:
            result.first_token = time.monotonic() - begun
        console.print(Text(piece), end="", soft_wrap=True)
        text += piece
    console.print()
    return text


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w{4,}", text.lower()) if word not in _COMMON}


_COMMON = {"about", "could", "documents", "does", "find", "from", "that", "this", "what", "with"}


def _query(
    result: Result, connection: dict[str, Any], index: Index, question: str, console: Console
) -> None:
    console.print(Text(f"LlamaIndex > {question}", "bold magenta"))
    text, nodes = query(result.endpoint, connection, index, question)
    console.print(Text(text), soft_wrap=True)
    passages: dict[str, list[str]] = {}
    for node in nodes:
        head = node.text.splitlines()[0].lstrip("# ")
        passages.setdefault(str(node.metadata["source"]), []).append(f"{head} ({node.score:.2f})")
    for number, (source, heads) in enumerate(passages.items(), 1):
        console.print(Text(f"  [{number}] {source}: {'; '.join(heads)}", "dim"), soft_wrap=True)
        result.sources.append(source)
    if not text.strip() or text == "Empty Response":
        result.problems.append("The query engine's answer is empty.")
    if not nodes:
        result.problems.append("The query engine has no sources.")


def _table(results: Sequence[Result]) -> Table:
    table = Table(title="All agents")
    for name in ("agent", "first token", "tokens", "conversation", "sources"):
        table.add_column(name, no_wrap=name != "conversation", overflow="fold")
    for result in results:
        mark = Text("✗ ", "red") if result.problems else Text("✓ ", "green")
        table.add_row(
            mark.append(result.endpoint, "default"),
            f"{result.first_token * 1000:.0f} ms",
            "not told" if result.tokens is None else str(result.tokens),
            result.conversation or "not kept",
            "\n".join(result.sources),
        )
    return table
