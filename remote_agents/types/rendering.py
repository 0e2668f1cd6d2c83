r"""An answer as HTML for a notebook, in which nothing can be executed.

markdown-it renders, nh3 cleans (extra `display`); without them the text is shown as it was written.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import TypeAlias

from remote_agents.types.sanitizing import sanitized, sanitized_line

Source: TypeAlias = "tuple[str, str | None]"

# Notebooks typeset formulas wherever they find them, and TeX has links, styles and scripts.
TEX = re.compile(r"\\(?=(?:href|url|require|style|class|cssId|data|unicode|def|newcommand|let)\b)")
LINKS = {"http", "https", "mailto"}


def render(
    text: str,
    reasoning: str = "",
    sources: Sequence[Source] = (),
    files: Sequence[Source] = (),
) -> str:
    """An answer as HTML: its reasoning folded, its text, its sources.

    Args:
        text: Markdown that is not trusted.
        reasoning: Plain text that is not trusted.
        sources: What each document is called, and its link.
        files: The same of each file that the answer brings.

    Returns:
        HTML without scripts, images, styles, and links other than to web and mail.

    Example:
        >>> "<script>" in render("**25** days <script>alert(1)</script>")
        False
    """
    text, reasoning = sanitized(text), sanitized(reasoning)
    parts = [f"<details><summary>Reasoning</summary>{_preformatted(reasoning)}</details>"]
    page = "\n".join(
        [
            *(parts if reasoning else []),
            _body(text),
            _listed("Sources", sources),
            _listed("Files", files),
        ]
    )
    return TEX.sub("\\\\\u200b", page)


def fenced(
    text: str,
    reasoning: str = "",
    sources: Sequence[Source] = (),
    files: Sequence[Source] = (),
) -> str:
    """An answer as Markdown, for what shows no HTML: as it was written, in a fence.

    Args:
        text: As for `render`.
        reasoning: As for `render`.
        sources: As for `render`.
        files: As for `render`.

    Example:
        >>> print(fenced("25 `days`", sources=[("plan.md", None)]))
        ```text
        25 `days`
        <BLANKLINE>
        [1] plan.md
        ```
    """
    listed = [f"[{n}] {name}" for n, (name, _) in enumerate(sources, 1)]
    listed += [f"File: {name}  {url or ''}".rstrip() for name, url in files]
    parts = [part for part in (reasoning.strip(), text.strip(), "\n".join(listed)) if part]
    page = sanitized("\n\n".join(parts))
    runs = re.findall("`{3,}", page)
    fence = "`" * max(3, *(len(run) + 1 for run in runs)) if runs else "```"
    return f"{fence}text\n{page}\n{fence}"


def _body(text: str) -> str:
    try:
        import nh3
        from markdown_it import MarkdownIt
    except ImportError:
        return _preformatted(text)
    page = MarkdownIt("js-default").disable("image").render(text)  # HTML is shown as text
    clean: str = nh3.clean(page, url_schemes=LINKS, link_rel="noopener noreferrer")
    return clean


def _preformatted(text: str) -> str:
    return f'<div style="white-space: pre-wrap">{html.escape(text.strip())}</div>'


def _listed(title: str, sources: Sequence[Source]) -> str:
    items = "".join(f"<li>{_item(*source)}</li>" for source in sources)
    return f"<p><strong>{title}</strong></p><ol>{items}</ol>" if items else ""


def _item(name: str, url: str | None) -> str:
    shown = html.escape(sanitized_line(name))
    if not url or not re.match(r"https?://[^\s<>]+\Z", url):
        return shown
    return f'<a href="{html.escape(url)}" rel="noopener noreferrer">{shown}</a>'
