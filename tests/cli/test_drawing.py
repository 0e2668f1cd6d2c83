"""How `chat` draws an answer, whatever the pieces in which it comes."""

import re
from io import StringIO

import pytest
from rich.console import Console

from remote_agents.cli.terminal import MarkdownView

MARKDOWN = """# Leave

Two kinds:

1. vacation

   of 25 days
2. sick leave

```python
days = 25

print(days)
```

| kind | days |
|---|---|
| vacation | 25 |

Line one
line two
"""


def written(*pieces: str, width: int = 40, height: int = 60) -> str:
    """What is written to a terminal for these pieces, each of which comes after a while."""
    console = Console(
        file=(file := StringIO()), force_terminal=True, width=width, height=height, _environ={}
    )
    answer = MarkdownView(console)
    for piece in pieces:
        answer.add("text", piece)
        answer.redraw()
    answer.close()
    return file.getvalue()


def on_screen(output: str) -> list[str]:
    """The lines that are there in the end."""
    lines, row = [""], 0
    plain = re.sub(r"\x1b\[(?:[0-9;]*m|\?25[hl])|\r", "", output)
    for part in re.split(r"(\x1b\[2K|\x1b\[1A|\n)", plain):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part == "\x1b[1A":
            row -= 1
        else:
            lines[row] += part
    return [line.strip() for line in lines if line.strip()]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_answer_is_drawn_whole_and_once(size: int) -> None:
    pieces = [MARKDOWN[start : start + size] for start in range(0, len(MARKDOWN), size)]
    screen = on_screen(written(*pieces))
    words = ["Leave", "Two kinds:", "1 vacation", "of 25 days", "2 sick leave", "days = 25"]
    for word in [*words, "print(days)", "Line one", "line two"]:
        assert sum(word in line for line in screen) == 1, (word, screen)
    assert not [line for line in screen if "```" in line or "|---" in line or "#" in line]
    assert screen.index("Line one") + 1 == screen.index("line two")


def test_what_an_agent_writes_steers_no_terminal() -> None:
    output = written("a\x1b]0;owned\x07b &#x202e;c [red]d[/red] ![e](https://x.example/p.png)")
    assert "\x1b]" not in output
    assert "\u202e" not in output
    assert "a]0;ownedb c [red]d[/red]" in " ".join(on_screen(output))


def test_the_end_of_what_is_longer_than_the_screen_is_shown_while_it_grows() -> None:
    output = written("\n".join(f"line {n}" for n in range(30)), height=6)
    growing, _, _ = output.partition("\x1b[2K")
    assert on_screen(growing) == ["line 26", "line 27", "line 28", "line 29"]
    assert on_screen(output) == [f"line {n}" for n in range(30)]
