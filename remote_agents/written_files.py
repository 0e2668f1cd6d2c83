"""Files that are written for a caller."""

from __future__ import annotations

import os
from pathlib import Path

from remote_agents.errors import ConfigurationError


def file_to_write(path: str | os.PathLike[str]) -> Path:
    """The path of a file that is about to be written, before it costs anything to have one.

    Raises:
        ConfigurationError: It is a folder, or in none.
    """
    target = Path(path)
    if target.is_dir() or not target.parent.is_dir():
        raise ConfigurationError(f"{target} cannot be a file: name a file in an existing folder.")
    return target
