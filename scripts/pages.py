"""Makes the pages that the site has beside `docs/`: one for each class, the notebooks, `llms.txt`.

`docs/reference.md` lists what is described; each class and each function of a module that it names
gets a page. On GitHub, where there are no such pages, links lead to the list and to the notebook.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WHOLE = ("remote_agents.errors",)  # a tree, which is read as one


class Entry(NamedTuple):
    """What is described on a page of its own."""

    section: str
    path: str
    options: dict[str, Any]

    @property
    def page(self) -> str:
        """Where."""
        return f"reference/{self.path}.md"

    @property
    def name(self) -> str:
        """What it is called."""
        return "Errors" if self.path in WHOLE else self.path.rpartition(".")[2]


# --- the reference -------------------------------------------------------------------------------


def entries() -> list[Entry]:
    """All that `docs/reference.md` names, in its order."""
    listed = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    found: dict[str, Entry] = {}
    for part in re.split(r"^## ", listed, flags=re.MULTILINE)[1:]:
        section = part.partition("\n")[0]
        for match in re.finditer(r"^::: ([\w.]+)\n((?: +.*\n)*)", part, re.MULTILINE):
            options = yaml.safe_load(match[2]) or {}
            for entry in _expanded(section, match[1], options.get("options", {})):
                found.setdefault(entry.path, entry)
    return list(found.values())


def _expanded(section: str, path: str, options: dict[str, Any]) -> Iterator[Entry]:
    """A class or a function as it is; of a module those that it has."""
    try:
        module = import_module(path)
    except ModuleNotFoundError:
        yield Entry(section, path, options)
        return
    if path in WHOLE:
        yield Entry(section, path, options)
        return
    for name in options.get("members") or getattr(module, "__all__", None) or _own(module):
        if inspect.isclass(value := getattr(module, name)) or inspect.isroutine(value):
            yield Entry(section, f"{path}.{name}", {})


def _own(module: Any) -> list[str]:
    """The classes of a module, and those of its functions that its package gives to users."""
    given = import_module(module.__name__.partition(".")[0]).__all__
    return [
        name
        for name, value in vars(module).items()
        if str(getattr(value, "__module__", "")).startswith(module.__name__)
        and (name in given or (inspect.isclass(value) and not name.startswith("_")))
    ]


def described(entry: Entry) -> str:
    """The page of an entry."""
    options = yaml.safe_dump({"options": {**entry.options, "heading_level": 1}})
    block = "\n".join(f"    {line}" for line in options.splitlines())
    return f"::: {entry.path}\n{block}\n"


def listed(markdown: str) -> str:
    """`docs/reference.md` as a list of links."""
    every = entries()
    sections = re.split(r"^(?=## )", markdown, flags=re.MULTILINE)
    return "\n".join([sections[0], *(_section(part, every) for part in sections[1:])])


def _section(part: str, every: list[Entry]) -> str:
    title = part.partition("\n")[0]
    words = re.sub(r"^::: .*\n(?: +.*\n)*", "", part, flags=re.MULTILINE).rstrip()
    lines = [f"- [`{e.path}`]({e.page})" for e in every if f"## {e.section}" == title]
    return "\n".join([words, "", *lines, ""])


def linked(markdown: str, depth: int) -> str:
    """The links of a page, to the pages that only the site has."""
    pages = {(e.path.split(".")[0], e.name): e.page for e in entries()}

    def reference(match: re.Match[str]) -> str:
        path = match[2]
        page = pages.get((path.split(".")[0], path.rpartition(".")[2]), "reference.md")
        return f"({'../' * depth}{page})"

    markdown = re.sub(r"\(((?:\.\./)*)reference\.md#([\w.]+)\)", reference, markdown)
    return re.sub(r"\((?:\.\./)+notebooks/(\w+)\.ipynb\)", _notebook_link(depth), markdown)


def _notebook_link(depth: int) -> str:
    return rf"({'../' * depth}notebooks/\1.md)"


# --- the notebooks -------------------------------------------------------------------------------


def converted(notebook: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook as a page, and its pictures."""
    exporter = MarkdownExporter()
    text, resources = exporter.from_filename(str(notebook))
    text = text.replace(".ipynb)", ".md)").replace("](../docs/", "](../")
    text = re.sub(r"\]\(output_", f"]({notebook.stem}/output_", text)
    # What a cell prints is indented there, as code is; it is shown as what a block prints.
    parts = re.split(r"^(```.*?^```\n)", text, flags=re.MULTILINE | re.DOTALL)
    text = "".join(part if part.startswith("```") else _with_outputs(part) for part in parts)
    pictures = {f"{notebook.stem}/{name}": data for name, data in resources["outputs"].items()}
    return text, pictures


def _with_outputs(text: str) -> str:
    return re.sub(r"(?:^    .*\n|^\n(?=    ))+", _printed, text, flags=re.MULTILINE)


def _printed(match: re.Match[str]) -> str:
    lines = re.sub(r"^    ", "", match[0], flags=re.MULTILINE).strip("\n")
    return f"\n```text\n{lines}\n```\n" if lines.strip() else match[0]


# --- mkdocs --------------------------------------------------------------------------------------


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the new pages into the navigation."""
    sections: dict[str, list[dict[str, str]]] = {}
    for entry in entries():
        sections.setdefault(entry.section, []).append({entry.name: entry.page})
    reference = ["reference.md", *({title: pages} for title, pages in sections.items())]
    shown: list[Any] = ["notebooks.md", *(f"notebooks/{path.stem}.md" for path in NOTEBOOKS)]
    new = {"API reference": reference, "Notebooks": shown}
    config.nav = [_replaced(item, new) for item in config.nav or ()]
    return config


def _replaced(item: dict[str, Any], new: dict[str, list[Any]]) -> dict[str, Any]:
    ((title, value),) = item.items()
    return {title: new.get(title, value)}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the new pages."""
    made: dict[str, str | bytes] = {entry.page: described(entry) for entry in entries()}
    for notebook in NOTEBOOKS:
        text, pictures = converted(notebook)
        made[f"notebooks/{notebook.stem}.md"] = text
        made |= {f"notebooks/{name}": data for name, data in pictures.items()}
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links of a page to the new pages."""
    name = page.file.src_uri
    return linked(listed(markdown) if name == "reference.md" else markdown, name.count("/"))


def on_post_build(config: MkDocsConfig) -> None:
    """Write `llms.txt`, the list of pages for programs that read, and all of them as one text."""
    docs, site = Path(config.docs_dir), Path(config.site_dir)
    lines, texts = [f"# {config.site_name}", "", f"> {config.site_description}", ""], []
    for path in sorted(docs.rglob("*.md")):
        name, text = path.relative_to(docs).as_posix(), path.read_text(encoding="utf-8")
        title = text.partition("\n")[0].lstrip("# ")
        lines.append(f"- [{title}]({name.removesuffix('.md')}.html): {_first_sentence(text)}")
        texts.append(text)
    (site / "llms.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    (site / "llms-full.txt").write_text("\n\n".join(texts), encoding="utf-8")


def _first_sentence(text: str) -> str:
    paragraphs = [each for each in text.split("\n\n")[1:] if re.match(r"[A-Z`*]", each)]
    words = " ".join(paragraphs[0].split()) if paragraphs else ""
    return re.split(r"(?<=[.:]) ", re.sub(r"\[([^\]]*)\]\([^)]*\)|\*\*", r"\1", words))[0]
