"""The README's table of capabilities is what the endpoints say of themselves."""

import re
from pathlib import Path

from remote_agents.services import ENDPOINTS
from scripts.capabilities import START, updated

README = Path(__file__).parents[1] / "README.md"


def test_the_table_is_not_stale() -> None:
    text = README.read_text()
    assert updated(text) == text, "run: python scripts/capabilities.py"


def test_a_stale_table_is_seen() -> None:
    text = README.read_text()
    title = ENDPOINTS["maiagent"].title
    assert updated(text.replace(f"| {title} |", "| Someone |")) == text


def test_the_first_screen_has_the_two_commands_and_both_frameworks() -> None:
    first = README.read_text().split(START)[0]
    assert all(f"\nmake {target} " in first for target in ("demo", "test"))
    examples = re.findall(r"```python\n(.*?)```\n\n```text\n(.+?)```", first, re.DOTALL)
    frameworks = [re.search(r"from (\w+)_agents import", code) for code, _ in examples]
    assert [found and found[1] for found in frameworks] == ["langchain", "llamaindex"]
    assert all(len(code.strip().splitlines()) <= 12 for code, _ in examples)
