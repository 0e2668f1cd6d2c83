"""Every Python block of the README and the documentation runs, and prints what the page shows."""

from pathlib import Path

import pytest

from remote_agents.sandbox import Sandbox
from tests.docs.blocks import Block, Runner, blocks_of, difference
from tests.proxies import DEAD

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
WITH_BLOCKS = [page for page in PAGES if any(b.run for b in blocks_of(page.read_text()))]


# LlamaIndex never closes the database in memory that its chat memory is, reads every attribute of
# a workflow, deprecated ones of pydantic too, and warns that a memory stays out of a context.
@pytest.mark.filterwarnings("ignore:.*aiosqlite:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20:inspect")
@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince211:inspect")
@pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key. memory")
@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_block_runs_and_prints_what_the_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # A server of its own: the sessions of one page are no other page's. And behind a proxy, which
    # is the harder place: what only listens to the environment fails there.
    with Sandbox(rate_limit=None) as box, Runner(page) as runner:
        for name, value in (box.env() | DEAD).items():
            monkeypatch.setenv(name, value)
        for block in blocks_of(page.read_text()):
            if block.run:
                assert difference(block, runner.run(block)) is None


PAGE = """
```python
x = 20 + 5
print(x, object())
```

```text
25 <object ... at ...>
```

=== "Tab"

    ```python
    import asyncio
    await asyncio.sleep(0)
    y = x
    ```

<!-- not run: shows what not to do -->
```python
raise SystemExit
```

```bash
exit 1
```
"""


def test_blocks_are_found_with_their_lines_and_outputs() -> None:
    first, second, third = blocks_of(PAGE)
    assert (first.line, first.output) == (3, "25 <object ... at ...>\n")
    assert (second.code.splitlines()[1], second.output) == ("await asyncio.sleep(0)", None)
    assert [first.run, second.run, third.run] == [True, True, False]


def test_a_namespace_is_shared_and_a_wrong_output_is_seen() -> None:
    with Runner(Path("page.md")) as runner:
        first, second, _ = blocks_of(PAGE)
        assert difference(first, runner.run(first)) is None
        assert runner.run(second) == ""
        said = difference(Block("", 7, output="26\n"), runner.run(Block("print(y)", 7)))
    assert said == "line 7 prints\n25\n\nwhere the page shows\n26\n"


def test_an_error_names_the_line_of_the_page() -> None:
    with Runner(Path("page.md")) as runner, pytest.raises(ZeroDivisionError) as raised:
        runner.run(Block("a = 1\na / 0\n", 41))
    assert raised.traceback[-1].lineno == 41  # counted from 0
