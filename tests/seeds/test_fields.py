"""Nothing that the documents name is missing, on no face."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS
from tests.seeds.fields import ROWS, table
from tests.seeds.rows import Explained, Row

PAGE = Path(__file__).parents[2] / "docs" / "fields.md"
TRIED = [row for row in ROWS if not isinstance(row, Explained)]


@pytest.fixture(scope="module")
def archive() -> Iterator[Sandbox]:
    """A sandbox with past records, which some of the operations list."""
    with Sandbox(rate_limit="none") as box:
        box.seed_records(300)
        yield box


@pytest.mark.parametrize("face", FRAMEWORKS)
@pytest.mark.parametrize("row", TRIED, ids=lambda row: row.id)
async def test_it_goes_in_or_comes_out(row: Row, face: str, archive: Sandbox) -> None:
    archive.reset()
    await row.try_on(face, archive)


def test_no_cell_is_empty_and_no_row_twice() -> None:
    assert all(row.cells[face] for row in ROWS for face in FRAMEWORKS)
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == table(), "run: python -m tests.seeds.fields > docs/fields.md"
