"""Resident memory of this process."""

from __future__ import annotations

import contextlib
import gc
import resource
from pathlib import Path


def _status(field: str) -> float | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    return None


def peak_mb() -> float:
    """The most this process has held since it began, or since `reset_peak`."""
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def now_mb() -> float:
    """What it holds now."""
    return _status("VmRSS") or peak_mb()


def reset_peak() -> float:
    """Collect garbage, forget the peak where the system can, and return what is held."""
    gc.collect()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return now_mb()
