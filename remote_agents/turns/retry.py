"""The retry rule: a turn is never posted twice by us.

An agent acts: repeating a turn repeats the act. So only what certainly did not run is repeated.
"""

from __future__ import annotations

import random

from remote_agents.errors import (
    AgentConnectionError,
    AgentError,
    AgentStatusError,
    AgentTimeoutError,
    ConflictError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)

MAX_WAIT = 60.0
UNSAFE_STATUSES = (409, 500, 502, 503, 504)


def retry_delay(
    error: AgentError,
    attempt: int,
    *,
    max_retries: int,
    safe: bool = False,
    unsafe: bool = False,
    first_wait: float = 0.5,
) -> float | None:
    """Seconds to wait before sending a request again, or None to raise the error.

    Args:
        error: What went wrong before the first event.
        attempt: Number of attempts made so far, from 1.
        max_retries: How many repetitions are allowed.
        safe: Repeating the request does no harm (GET, creating a conversation).
        unsafe: The caller opted in to repeat what may have run (`retry_unsafe=True`).
        first_wait: Seconds before the first repetition; it doubles each time.

    Example:
        >>> retry_delay(ServerError(status_code=500), 1, max_retries=2) is None
        True
        >>> retry_delay(RateLimitError(status_code=429, retry_after=3.0), 1, max_retries=2)
        3.0
    """
    if attempt > max_retries or isinstance(error, QuotaExceededError):
        return None
    told = getattr(error, "retry_after", None)
    if told is not None and was_not_run(error):
        return float(told) if told <= MAX_WAIT else None
    if was_not_run(error) or ((safe or unsafe) and _may_pass(error)):
        wait: float = min(first_wait * 2 ** (attempt - 1), MAX_WAIT)
        return wait * random.uniform(0.75, 1.25)
    return None


def was_not_run(error: AgentError) -> bool:
    """Whether a request was refused before any work, or did not leave."""
    if isinstance(error, (RateLimitError, AgentConnectionError, ServerError, AgentTimeoutError)):
        return error.safe_to_repeat
    return False


def _may_pass(error: AgentError) -> bool:
    """Whether another attempt may fare better, though this one may have run."""
    if isinstance(error, (ServerError, ConflictError)):
        return error.status_code in UNSAFE_STATUSES
    if isinstance(error, AgentTimeoutError):
        return error.phase in ("first_event", "idle")
    return isinstance(error, StreamInterruptedError) and not isinstance(error, AgentStatusError)
