"""SECURITY.md: each test that it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_what_holds_a_promise_is_there(path: str, name: str) -> None:
    code = (ROOT / path).read_text()
    assert not name or re.search(rf"def {name}\(", code)


def test_each_cell_of_the_table_has_its_test() -> None:
    table = TEXT.partition("| who | trusted | with | held by |")[2].partition("\n\n")[0]
    rows = table.strip().splitlines()[1:]
    assert len(rows) > 20
    assert all(re.search(r"`tests/[\w/]+\.py::test_\w+` \|$", row) for row in rows)
