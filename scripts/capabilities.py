"""The README's table of what each service can do, from the endpoints' own descriptions.

`python scripts/capabilities.py` rewrites it; a test fails when it is stale.
"""

from __future__ import annotations

from pathlib import Path

from remote_agents.client import Client
from remote_agents.services import ENDPOINTS, Endpoint

README = Path(__file__).parent.parent / "README.md"
START, END = "<!-- capabilities:start -->", "<!-- capabilities:end -->"
KEEPS = {
    "created": "kept by the service, created first",
    "asked": "kept by the service when asked",
    "handed": "kept by the service",
    "none": "resent each time",
}


def table() -> str:
    """The table as Markdown."""
    classes = {name: Client.kind_of(endpoint).__name__ for name, endpoint in ENDPOINTS.items()}
    rows = [_row(endpoint, classes[name]) for name, endpoint in ENDPOINTS.items()]
    head = ("service", "classes", "conversation", "carries", "files", "parameters it honours")
    return "\n".join([_line(head), _line(["---"] * len(head)), *map(_line, rows)])


def _row(endpoint: Endpoint, name: str) -> list[str]:
    return [
        endpoint.title,
        f"`Chat{name}` `{name}LLM` `{name}`",
        KEEPS[endpoint.keeps],
        ", ".join(_carries(endpoint)),
        ", ".join(sorted(endpoint.attachments)) or "none",
        " ".join(f"`{parameter}`" for parameter in endpoint.parameters) or "none",
    ]


def _carries(endpoint: Endpoint) -> list[str]:
    facts = {
        "reasoning": endpoint.reasons,
        "citations": endpoint.cites,
        "token usage": endpoint.counts,
        "JSON mode": endpoint.native_json,
    }
    return ["tokens as they come", *(name for name, true in facts.items() if true)]


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def updated(text: str) -> str:
    """The README with the table put between its marks."""
    before, rest = text.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(updated(README.read_text()))
