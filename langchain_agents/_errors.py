"""The core's errors as LangChain's `ModelError`s of the same meaning.

For every class of `remote_agents.errors` there is one of the same name here that is both: it is
caught by `except remote_agents.RateLimitError` and by `except ModelRateLimitError`, and LangChain's
retry and fallback middleware reads its `is_retryable`. A refusal of what is too long is a
`ContextOverflowError` as well, by which LangChain's middleware shortens a history.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from langchain_core import exceptions as langchain

from remote_agents import errors as core

_MEANING: dict[type[core.AgentError], type[langchain.ModelError]] = {
    core.AgentError: langchain.ModelError,
    core.ConfigurationError: langchain.ModelInvalidRequestError,
    core.UnsupportedContentError: langchain.ModelInvalidRequestError,
    core.AgentConnectionError: langchain.ModelConnectionError,
    core.AgentTimeoutError: langchain.ModelTimeoutError,
    core.AgentStatusError: langchain.ModelAPIError,
    core.BadRequestError: langchain.ModelInvalidRequestError,
    core.AuthenticationError: langchain.ModelAuthenticationError,
    core.PermissionDeniedError: langchain.ModelPermissionDeniedError,
    core.NotFoundError: langchain.ModelNotFoundError,
    core.ConflictError: langchain.ModelAPIError,
    core.UnprocessableEntityError: langchain.ModelInvalidRequestError,
    core.ServerError: langchain.ModelAPIError,
    core.RateLimitError: langchain.ModelRateLimitError,
    core.QuotaExceededError: langchain.ModelRateLimitError,
    core.AgentStreamError: langchain.ModelAPIError,
    core.StreamInterruptedError: langchain.ModelConnectionError,
    core.StreamProtocolError: langchain.ModelAPIError,
    core.RemoteFailureError: langchain.ModelAPIError,
    core.AgentInterrupt: langchain.ModelError,
    core.ConversationError: langchain.ModelInvalidRequestError,
    core.ConversationNotFoundError: langchain.ModelInvalidRequestError,
}


class _SafeToRepeat:
    safe_to_repeat: bool

    @property
    def is_retryable(self) -> bool:
        """Whether repeating the call may help, and cannot run the turn twice."""
        return self.safe_to_repeat and not isinstance(self, core.ConfigurationError)


def _make_class(mine: type[core.AgentError], place: str, *bases: type) -> type[core.AgentError]:
    made = type(mine.__name__, bases, {"__module__": __name__, "__doc__": mine.__doc__})
    made.__qualname__ = place
    globals()[place] = made  # so that it pickles
    return made


_BOTH = {
    mine: _make_class(mine, mine.__name__, _SafeToRepeat, mine, theirs)
    for mine, theirs in _MEANING.items()
}
# LangGraph's default RetryPolicy() repeats what is no RuntimeError.
_UNSAFE = {
    mine: _make_class(mine, f"Unsafe{mine.__name__}", both, RuntimeError)
    for mine, both in _BOTH.items()
}
_TOO_LONG: dict[type[core.AgentError], type[core.AgentError]] = {
    mine: _make_class(
        mine, f"TooLong{mine.__name__}", _UNSAFE[mine], langchain.ContextOverflowError
    )
    for mine in (core.AgentStatusError, core.BadRequestError, core.UnprocessableEntityError)
}


def as_model_error(error: core.AgentError) -> core.AgentError:
    """The same error, with all it carries, as a `ModelError` too.

    Args:
        error: An error of the core.

    Returns:
        An error of the class of the same name in this module; where a repeat could run the turn
        twice, it is a `RuntimeError` too.

    Example:
        >>> as_model_error(core.AgentConnectionError("No route.")).is_retryable
        True
    """
    kinds = _BOTH if error.safe_to_repeat else _UNSAFE
    if getattr(error, "too_long", False) and type(error) in _TOO_LONG and not error.begun:
        kinds = _TOO_LONG
    kind = next(kinds[each] for each in type(error).__mro__ if each in kinds)
    both = kind.__new__(kind, *error.args)
    both.args = error.args
    both.__dict__.update(error.__dict__)
    return both


@contextmanager
def model_errors() -> Iterator[None]:
    """Whatever of the core's errors passes, passes as a `ModelError` too."""
    try:
        yield
    except core.AgentError as error:
        raise_model_error(error)
        raise


def raise_model_error(error: BaseException | None) -> None:
    """Raise one of the core's errors as a `ModelError` too; do nothing for any other."""
    if isinstance(error, core.AgentError) and not isinstance(error, langchain.ModelError):
        raise as_model_error(error) from None


class ToolsNotSupportedError(
    core.ConfigurationError, langchain.ModelInvalidRequestError, NotImplementedError
):
    """A hosted agent brings its own tools: it cannot be given the caller's."""
