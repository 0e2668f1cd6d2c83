"""What the pages have in common, and that the files they name exist."""

import re
from pathlib import Path

import pytest
import yaml

from remote_agents.services import ENDPOINTS

ROOT = Path(__file__).parents[2]
# The order of LangChain's own integration pages, and what a hosted agent has beside them.
SECTIONS = [
    "Overview",
    "Setup",
    "Get a key",
    "Find the agent's id",
    "Environment",
    "Instantiation",
    "Invocation",
    "Streaming",
    "Conversation",
    "Citations and reasoning",
    "Files",
    "Errors",
    "Limits",
    "Beside the chat",
    "API reference",
]
NAMED = re.compile(r"`((?:[\w-]+/)*[\w*.-]+\.(?:py|md|toml|txt|ipynb)|(?:tests|scripts)/[\w/.-]+)")
FOLDERS = (
    "",
    "remote_agents",
    "remote_agents/services",
    "remote_agents/sandbox",
    "langchain_agents",
    "llamaindex_agents",
    "notebooks",
)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_page_of_a_service_has_the_standard_sections_in_their_order(endpoint: str) -> None:
    page = (ROOT / "docs/services" / f"{endpoint}.md").read_text()
    without_code = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^###? (.+)$", without_code, re.MULTILINE)
    citing = {"Citations", "Reasoning and citations"}
    assert ["Citations and reasoning" if h in citing else h for h in headings] == SECTIONS


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/notebooks.md", "docs/bulk.md"]
)
def test_the_files_that_a_page_names_exist(page: str) -> None:
    named = [name for name in NAMED.findall((ROOT / page).read_text()) if "acme" not in name]
    known = [name for name in named if any([*(ROOT / folder).glob(name)] for folder in FOLDERS)]
    assert sorted(set(named) - set(known)) == []
    assert page == "README.md" or known


def test_the_tests_that_hold_the_promises_of_security_exist() -> None:
    tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "SECURITY.md").read_text())
    assert tests
    assert all(f"def {test}(" in (ROOT / file).read_text() for file, test in tests)


def test_a_bug_report_asks_for_a_recording() -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text())
    asked = {part.get("id"): part for part in form["body"]}
    assert "remote-agents record" in asked["recording"]["attributes"]["description"]
    titles = {endpoint.title for endpoint in ENDPOINTS.values()}
    assert titles < {*asked["endpoint"]["attributes"]["options"]}


def _titles() -> list[str]:
    return [endpoint.title for endpoint in ENDPOINTS.values()]
