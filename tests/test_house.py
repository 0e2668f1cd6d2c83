"""What a service knows stands in its folder: its name and its words stand nowhere else.

Only code is read: docstrings and comments may say where a fact is from.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote_agents.services import ENDPOINTS

ROOT = Path(__file__).parents[1]
PACKAGES = ("remote_agents", "langchain_agents", "llamaindex_agents")
FOLDERS = (*PACKAGES, "remote_agents_demo", "benchmarks", "scripts", "tests")

# Where a service may be named outside of its folders, and why.
INDEX = "written by `scripts/index.py`: the names for lazy loading and type checkers"
CLASSES = "the short classes of each service, as a user imports them"
ALLOWED = {
    "remote_agents/__init__.py": INDEX,
    "langchain_agents/__init__.py": INDEX,
    "llamaindex_agents/__init__.py": INDEX,
    "langchain_agents/chat_models": CLASSES,
    "langchain_agents/llms": CLASSES,
    "llamaindex_agents/llms": CLASSES,
    "remote_agents/sandbox/box.py": "seed_records() is for the service that has records",
}
# A comment that silences a checker; what comes behind it is why.
SILENCED = re.compile(r"#[^#]*?(?:type: ignore\[[\w, -]+\]|noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*)(.*)")
WIRE = ("x-cloudbase", "x-credits", "x-conversation-id", "exceed_", "overdue")


def words() -> re.Pattern[str]:
    """A service's name however it is spelt, but for AG-UI's: that is a protocol of `wire/`."""
    names = [name.replace("_", "_?") for name in ENDPOINTS if name != "ag_ui"]
    return re.compile("|".join([*names, "tencent", "vmware", *WIRE]), re.IGNORECASE)


def named(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each name and text of a module with its line; no docstrings."""
    shown = {
        id(first.value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        for first in node.body
        if isinstance(first, ast.Expr)
    }
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and id(node) not in shown:
            yield line, node.value if isinstance(node.value, str) else repr(node.value)
        for field in ("id", "attr", "arg", "name", "module"):
            if isinstance(said := getattr(node, field, None), str):
                yield line, said


def found_in(path: Path) -> list[str]:
    pattern = words()
    said = named(ast.parse(path.read_text("utf-8")))
    return [f"line {line}: {text[:60]!r}" for line, text in said if pattern.search(text)]


def files(package: str) -> list[Path]:
    return [path for path in (ROOT / package).rglob("*.py") if "services" not in path.parts]


def is_allowed(path: Path) -> bool:
    return any(str(each.relative_to(ROOT)) in ALLOWED for each in (path, path.parent))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_service_is_named_in_its_folder_alone(package: str) -> None:
    others = [path for path in files(package) if not is_allowed(path)]
    assert len(others) > 10
    assert not {path.name: found for path in others if (found := found_in(path))}


@pytest.mark.parametrize("allowed", ALLOWED)
def test_every_exception_is_needed(allowed: str) -> None:
    path = ROOT / allowed
    assert any(found_in(each) for each in (path.glob("*.py") if path.is_dir() else [path]))


@pytest.mark.parametrize("said", ["CloudBase", "private_ai", "PrivateAI", "X-Credits-Remaining"])
def test_a_name_is_known_however_it_is_spelt(said: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(f'"""{said}."""\nHEADER = "{said}"  # {said}\n')
    assert len(found_in(tmp_path / "a.py")) == 1


# --- what is silenced ---------------------------------------------------------------------------


def comments(path: Path) -> Iterator[tuple[int, str]]:
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def unexplained(path: Path) -> list[int]:
    """The lines that silence a checker, and do not say why."""
    found = ((line, SILENCED.search(comment)) for line, comment in comments(path))
    return [line for line, said in found if said and not re.search(r"\w{2}", said[1])]


@pytest.mark.parametrize("folder", FOLDERS)
def test_whoever_silences_a_checker_says_why(folder: str) -> None:
    paths = [path for path in (ROOT / folder).rglob("*.py") if path.name != "mistakes.py"]
    assert len(paths) > 2
    assert not {str(path): lines for path in paths if (lines := unexplained(path))}


@pytest.mark.parametrize("silenced", ["type: ignore[arg-type]", "noqa: E402", "noqa: E402, B018 -"])
def test_what_is_silenced_without_a_reason_is_found(silenced: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(f"a = 1  # {silenced}\nb = 2  # {silenced} for a reason\n")
    assert unexplained(tmp_path / "a.py") == [1]


# --- what is left early ---------------------------------------------------------------------------


def unclosed(tree: ast.AST, *, inside: bool = False) -> Iterator[int]:
    """The lines that iterate with asyncio outside of any `async with`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.AsyncFor) and not inside:
            yield node.lineno
        new = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        closes = isinstance(node, ast.AsyncWith) or (inside and not new)
        yield from unclosed(node, inside=closes)


@pytest.mark.parametrize("package", ["langchain_agents", "llamaindex_agents"])
def test_whoever_iterates_with_asyncio_closes_what_is_iterated(package: str) -> None:
    """Left early, a generator leaves the one inside to the event loop, which ends it later."""
    found = {path: list(unclosed(ast.parse(path.read_text("utf-8")))) for path in files(package)}
    assert not {str(path): lines for path, lines in found.items() if lines}


def test_what_is_iterated_and_not_closed_is_found() -> None:
    plain = "async def f():\n    async for a in b():\n        pass\n"
    closed = (
        "async def f():\n    async with b() as c:\n        async for a in c:\n            pass\n"
    )
    assert [list(unclosed(ast.parse(code))) for code in (plain, closed)] == [[2], []]


# --- how much stands in a file -------------------------------------------------------------------

MOST_LINES = 400


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_file_can_be_read_in_one_go(folder: str) -> None:
    sizes = {path: path.read_text("utf-8").count("\n") for path in (ROOT / folder).rglob("*.py")}
    assert sizes
    assert not {str(path): size for path, size in sizes.items() if size > MOST_LINES}
