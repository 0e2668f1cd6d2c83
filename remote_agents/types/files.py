"""Files that an answer brings."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from remote_agents.json_types import JsonObject
from remote_agents.types.messages import AttachmentKind
from remote_agents.types.sanitizing import sanitized_line


@dataclass(slots=True)
class File:
    """A file that an answer brings.

    Args:
        kind: `image`, `audio`, `video` or `file`.
        url: Where it can be had.
        id: The service's id of it.
        filename: Its name.
        mime_type: For example `image/png`.
        data: The content, where the service sent it along.
    """

    kind: AttachmentKind = "file"
    url: str | None = None
    id: str | None = None
    filename: str | None = None
    mime_type: str | None = None
    data: bytes | None = field(default=None, repr=False)

    @property
    def key(self) -> tuple[object, ...]:
        """Tells it apart from the other files of an answer."""
        return self.id, self.url, self.filename if self.id is None else None, self.data

    def to_dict(self) -> JsonObject:
        """The fields that are known, as plain JSON values; the content in base64."""
        known = asdict(self)
        if self.data is not None:
            known["data"] = base64.b64encode(self.data).decode()
        return {name: value for name, value in known.items() if value is not None}


def links_to(files: Iterable[File]) -> list[tuple[str, str | None]]:
    """What each file is called, and its link, as people are shown it."""
    return [(file.filename or file.url or file.id or file.kind, file.url) for file in files]


def listed(files: Iterable[File]) -> list[str]:
    """A line for each file, as a terminal shows it."""
    return [sanitized_line(f"File: {name}  {url or ''}") for name, url in links_to(files)]
