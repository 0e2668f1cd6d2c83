"""Writes what follows from the folders of the services, wherever it stands.

`python scripts/index.py` rewrites the names that the packages give, the README's table, the table
of the services' pages, the navigation, the modules of the API reference, what a report of a bug
can be about, and the package's metadata; a test fails when one is stale.
A name that no service brings is entered by hand in `_HOMES` of its package's `__init__.py`.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from remote_agents.client import Client
from remote_agents.service import Endpoint
from remote_agents.services import BUILT_IN, ENDPOINTS

ROOT = Path(__file__).parent.parent
SERVICES = {name: ENDPOINTS[name] for name in BUILT_IN}
CLASSES = {name: Client.kind_of(endpoint).__name__ for name, endpoint in SERVICES.items()}
KEEPS = {
    "created": "kept by the service, created first",
    "asked": "kept by the service when asked",
    "handed": "kept by the service",
    "chained": "kept by the service",
    "none": "resent each time",
}
# The packages that have a module a service, and what its class is called there.
FORMS = {
    "langchain_agents.chat_models": "Chat{}",
    "langchain_agents.llms": "{}LLM",
    "llamaindex_agents.llms": "{}",
}
Homes = Mapping[str, Sequence[str]]


def _kept(endpoint: Endpoint) -> str:
    """How a conversation is kept; whoever wants the history along may keep none."""
    kept = KEEPS[endpoint.keeps]
    if not endpoint.context:
        return kept
    return f"{kept.replace('by the service', 'by some agents')}, the history goes along"


# --- the names that the packages give ------------------------------------------------------------


def names_of_services(package: str) -> dict[str, tuple[str, ...]]:
    """The modules of a package that have one class a service, and those classes."""
    if package == "remote_agents":
        return {SERVICES[name].client or "": (kind,) for name, kind in CLASSES.items()}
    if package in FORMS:
        return {f"{package}.{name}": (FORMS[package].format(CLASSES[name]),) for name in CLASSES}
    return {
        module: tuple(form.format(kind) for kind in CLASSES.values())
        for module, form in FORMS.items()
        if module.startswith(package)
    }


def init(package: str, text: str) -> str:
    """A package's `__init__.py` with its services' names, for Python and for type checkers."""
    found = re.search(r"^_HOMES = (\{.*?^\})", text, re.MULTILINE | re.DOTALL)
    assert found, f"{package} has no _HOMES"
    homes = _with_services(package, ast.literal_eval(found[1]))
    lines = [f"    {module!r}: {tuple(names)!r}," for module, names in homes.items()]
    text = text.replace(found[1], "\n".join(["{", *lines, "}"]))
    imports = [
        f"    from {module} import {', '.join(f'{name} as {name}' for name in names)}"
        for module, names in homes.items()
    ]
    block = re.compile(r"^if TYPE_CHECKING:\n.*?^(?=__all__)", re.MULTILINE | re.DOTALL)
    return formatted(block.sub("\n".join(["if TYPE_CHECKING:", *imports, "", ""]), text))


def _with_services(package: str, homes: Homes) -> dict[str, tuple[str, ...]]:
    derived = names_of_services(package)
    every = {name for names in names_of_services(package).values() for name in names}
    kept = {
        module: tuple(name for name in names if name not in every)
        for module, names in homes.items()
        if not module.startswith("remote_agents.services.")
    }
    for module, names in derived.items():
        kept[module] = (*kept.get(module, ()), *names)
    return {module: tuple(sorted(names)) for module, names in sorted(kept.items()) if names}


def formatted(text: str) -> str:
    """The text as ruff leaves it."""
    for command in (["check", "--fix", "--quiet", "--select", "I"], ["format", "--quiet"]):
        run = [sys.executable, "-m", "ruff", *command, "--stdin-filename", "__init__.py", "-"]
        done = subprocess.run(run, input=text, capture_output=True, text=True, check=True, cwd=ROOT)
        text = done.stdout
    return text


# --- tables, navigation, metadata ----------------------------------------------------------------


def capabilities() -> str:
    """The README's table of what each service can do."""
    head = ("service", "classes", "conversation", "carries", "files", "parameters it honours")
    return _table(head, [_can(endpoint, CLASSES[name]) for name, endpoint in SERVICES.items()])


def _can(endpoint: Endpoint, name: str) -> list[str]:
    return [
        endpoint.title,
        f"`Chat{name}` `{name}LLM` `{name}`",
        _kept(endpoint),
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


def pages() -> str:
    """The table of the services' pages."""
    head = ("service", "LangChain", "LlamaIndex", "conversation", "sources", "reasoning", "files")
    return _table(head, [_page(name, endpoint) for name, endpoint in SERVICES.items()])


def _page(name: str, endpoint: Endpoint) -> list[str]:
    kind = CLASSES[name]
    return [
        f"[{endpoint.title}]({name}.md)",
        f"`Chat{kind}` `{kind}LLM`",
        f"`{kind}`",
        _kept(endpoint),
        "yes" if endpoint.cites else "",
        "yes" if endpoint.reasons else "",
        ", ".join(sorted(endpoint.attachments)),
    ]


def navigation() -> str:
    """The services' lines in the navigation of the site."""
    lines = (f"      - {each.title}: services/{name}.md" for name, each in SERVICES.items())
    return "\n".join(["  - Services:", "      - services/index.md", *lines])


def clients() -> str:
    """The modules of the plain clients, for the API reference."""
    return "\n\n".join(f"::: {endpoint.client}" for endpoint in SERVICES.values())


def titles() -> str:
    """What a report of a bug can be about."""
    return "\n".join(f"        - {endpoint.title}" for endpoint in SERVICES.values())


def authors() -> str:
    """LlamaHub's table of classes."""
    return "\n".join(f'{kind} = "remote-agents"' for kind in sorted(CLASSES.values()))


def _table(head: Sequence[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _between(start: str, end: str, write: Callable[[], str]) -> Callable[[str], str]:
    """Replaces what stands between two marks, of which the first is a line."""

    def updated(text: str) -> str:
        before, rest = text.split(start, 1)
        after = rest.split(end, 1)[1]
        return f"{before}{start}{write()}{end}{after}"

    return updated


START, END = "<!-- services:start -->\n", "\n<!-- services:end -->"
FILES: dict[str, Callable[[str], str]] = {
    "README.md": _between(START, END, capabilities),
    "docs/services/index.md": _between(START, END, pages),
    "docs/reference.md": _between("::: remote_agents.settings.Settings\n\n", "\n\n## ", clients),
    ".github/ISSUE_TEMPLATE/bug.yml": _between(
        "      label: Agent\n      options:\n", "\n        - one of my own", titles
    ),
    "mkdocs.yml": _between("  - Quickstart: quickstart.md\n", "\n  - Frameworks:", navigation),
    "pyproject.toml": _between("[tool.llamahub.class_authors]\n", "\n\n[tool.ruff]", authors),
    **{
        f"{package.replace('.', '/')}/__init__.py": partial(init, package)
        for package in ("remote_agents", "langchain_agents", "llamaindex_agents", *FORMS)
    },
}


if __name__ == "__main__":
    for file, updated in FILES.items():
        (ROOT / file).write_text(updated((ROOT / file).read_text()))
