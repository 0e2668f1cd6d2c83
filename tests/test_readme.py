"""What the README shows first."""

import re
from pathlib import Path

from scripts.index import START

README = Path(__file__).parents[1] / "README.md"


def test_the_first_screen_has_the_two_commands_and_both_frameworks() -> None:
    first = README.read_text().split(START)[0]
    assert all(f"\nmake {target} " in first for target in ("demo", "test"))
    examples = re.findall(r"```python\n(.*?)```\n\n```text\n(.+?)```", first, re.DOTALL)
    frameworks = [re.search(r"from (\w+)_agents import", code) for code, _ in examples]
    assert [found and found[1] for found in frameworks] == ["langchain", "llamaindex"]
    assert all(len(code.strip().splitlines()) <= 12 for code, _ in examples)
