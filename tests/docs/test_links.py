"""No link of the README, the other pages of the root, the documentation or a notebook is dead."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HERE = "https://github.com/remote-agents/remote-agents/blob/main/"
CODE = re.compile(r"^( *)```.*?^\1```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|href)=\"([^\"]+)\"")


def links(markdown: str) -> Iterator[str]:
    """The targets of the links and images of a page, without those in code."""
    for match in LINK.finditer(CODE.sub("", markdown)):
        yield match[1] or match[2]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and mkdocs make them, and those named in it."""
    text = CODE.sub(
        lambda code: code[0].strip("`") if "\n" not in code[0] else "", page.read_text()
    )
    named = set(re.findall(r"\{ *#([\w.-]+)", text))
    headings = re.findall(r"^#+ +(.+?)(?: *\{.*\})?$", text, re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return named | {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in plain}


def dead(link: str, page: Path) -> str | None:
    """Why a relative link leads nowhere; None if it leads somewhere or to another host."""
    if link.startswith(HERE):  # the README is shown on the package's page too
        page, link = ROOT / "README.md", link.removeprefix(HERE)
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None if parts.scheme in ("https", "mailto") else f"{link} is not https"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.exists():
        return f"{link} does not exist"
    # The reference's anchors are made from docstrings; mkdocs --strict checks those.
    made = target.name == "reference.md" or target.suffix != ".md"
    if parts.fragment and not made and parts.fragment not in anchors(target):
        return f"{link} has no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_of_a_page_is_dead(page: Path) -> None:
    assert [said for link in links(page.read_text()) if (said := dead(link, page))] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_no_link_of_a_notebook_is_dead(notebook: Path) -> None:
    cells = json.loads(notebook.read_text())["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert [said for link in links(text) if (said := dead(link, notebook))] == []


def test_the_readme_can_be_read_anywhere() -> None:
    assert [link for link in links((ROOT / "README.md").read_text()) if "://" not in link] == []


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A *first* heading\n\n```\n[no](link.md)\n```\n\n## `Code`, too { #here }\n")
    assert dead(f"{HERE}docs/memory.md", page) is None
    assert dead(f"{HERE}docs/memoir.md", page) == "docs/memoir.md does not exist"
    text = "[a](page.md#a-first-heading) [b](other.md) [c](#nowhere) [d](#here) ![e](http://x.org)"
    assert [dead(link, page) for link in links(text)] == [
        None,
        "other.md does not exist",
        "#nowhere has no such heading",
        None,
        "http://x.org is not https",
    ]
    assert list(links(page.read_text())) == []
