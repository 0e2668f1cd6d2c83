"""Everything that can go wrong, as one tree.

AgentError                            .endpoint .conversation_id .request_id .partial
├── ConfigurationError                a missing key, an unknown parameter, an unusable address
├── UnsupportedContentError           a block or a role that the endpoint does not take
├── AgentConnectionError              nothing was sent (.retry_after)
├── AgentTimeoutError                 .phase connect | first_event | idle | total
├── AgentStatusError                  .status_code .code .body .location
│   ├── BadRequestError 400  AuthenticationError 401  PermissionDeniedError 403  NotFoundError 404
│   ├── ConflictError 409  UnprocessableEntityError 422 (.details)  ServerError 5xx
│   └── RateLimitError 429 (.retry_after)  QuotaExceededError
├── AgentStreamError                  the answer broke off; .partial is the text so far
│   ├── StreamInterruptedError        it ended before its terminal event
│   ├── StreamProtocolError           it cannot be decoded
│   └── RemoteFailureError            the service reported a failure in the stream (.code .body)
├── ConversationError
│   └── ConversationNotFoundError
└── AgentInterrupt                    nothing failed: the run waits for a person; .interrupts

`error.safe_to_repeat` is true only where sending the same turn again cannot run it twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "AgentConnectionError",
    "AgentError",
    "AgentInterrupt",
    "AgentStatusError",
    "AgentStreamError",
    "AgentTimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "ConversationError",
    "ConversationNotFoundError",
    "NotFoundError",
    "PermissionDeniedError",
    "QuotaExceededError",
    "RateLimitError",
    "RemoteFailureError",
    "ServerError",
    "StreamInterruptedError",
    "StreamProtocolError",
    "UnprocessableEntityError",
    "UnsupportedContentError",
    "safe_to_repeat",
]


class AgentError(Exception):
    """Base of every error of this library.

    Args:
        message: What happened and what to do.
        endpoint: Name of the endpoint, for example `bluenexus`.
        conversation_id: The conversation the turn belonged to, if known.
        request_id: The service's id of the request, if known.
        partial: The text received before the error.

    Attributes:
        question: The text that the turn asked last, by which its stored answer is found.
        begun: Whether the turn may have begun, whatever the error says: an event of its answer had
            arrived, the service accepted the request and reported the failure afterwards, or a
            request before the one that failed handed it over.
        unasked: Whether what broke off came before the turn, which was not sent: a file's upload,
            the creation of a conversation.
    """

    @property
    def safe_to_repeat(self) -> bool:
        """Whether asking again cannot run a turn twice."""
        return self.unasked

    def __init__(
        self,
        message: str = "",
        *,
        endpoint: str | None = None,
        conversation_id: str | None = None,
        request_id: str | None = None,
        partial: str = "",
    ) -> None:
        super().__init__(message)
        self.endpoint = endpoint
        self.conversation_id = conversation_id
        self.request_id = request_id
        self.partial = partial
        self.begun = False
        self.unasked = False
        self.question = ""


def safe_to_repeat(error: BaseException) -> bool:
    """Whether what failed can be asked again without running a turn twice.

    Args:
        error: Any error; only those of this library can be safe.

    Example:
        >>> safe_to_repeat(AgentConnectionError("No route.")), safe_to_repeat(ValueError())
        (True, False)
    """
    return isinstance(error, AgentError) and bool(error.safe_to_repeat)


class ConfigurationError(AgentError):
    """The model or the call is set up wrongly; nothing was sent. The message says what to do.

    It is no ValueError: Pydantic would put one into an error of its own that quotes all arguments,
    the key too, and LlamaIndex's extractors and engines pass over one with a line in the log.
    """

    @property
    def safe_to_repeat(self) -> bool:
        """Nothing was sent, unless an answer had begun."""
        return not self.begun


class UnsupportedContentError(AgentError):
    """The endpoint does not take this content; nothing was sent."""


class AgentConnectionError(AgentError):
    """The service could not be reached; nothing was sent.

    Args:
        message: What happened and what to do.
        retry_after: Seconds to wait, if who gives the key asks for it.
        **context: As for `AgentError`.
    """

    @property
    def safe_to_repeat(self) -> bool:
        """Nothing was sent, unless an answer had begun."""
        return not self.begun

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, **context: Any
    ) -> None:
        super().__init__(message, **context)
        self.retry_after = retry_after


class AgentTimeoutError(AgentError):
    """A time limit ran out.

    Args:
        message: What happened and which limit to raise.
        phase: `connect`, `first_event`, `idle` or `total`.
        sent: Whether the request may have left.
        **context: As for `AgentError`.
    """

    def __init__(
        self, message: str = "", *, phase: str = "idle", sent: bool = True, **context: Any
    ) -> None:
        super().__init__(message, **context)
        self.phase = phase
        self.sent = sent and phase != "connect"

    @property
    def safe_to_repeat(self) -> bool:
        """Only where nothing was sent, or not the turn."""
        return self.unasked or (not self.sent and not self.begun)


class AgentStatusError(AgentError):
    """The service refused or failed the request.

    Args:
        message: The service's own message and what to do.
        status_code: HTTP status.
        code: The service's error code, if it has one.
        body: The decoded error body.
        location: Where a redirect leads, which is not followed.
        **context: As for `AgentError`.

    `too_long` says whether it is the question, or the history that went along, that was too long.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status_code: int = 0,
        code: str | None = None,
        body: Any = None,
        location: str | None = None,
        **context: Any,
    ) -> None:
        super().__init__(message, **context)
        self.status_code = status_code
        self.code = code
        self.body = body
        self.location = location
        self.too_long = False


class BadRequestError(AgentStatusError):
    """400: the service does not accept the request as it is."""


class AuthenticationError(AgentStatusError):
    """401: the key is missing, wrong or expired."""


class PermissionDeniedError(AgentStatusError):
    """403: the key is valid but may not do this."""


class NotFoundError(AgentStatusError):
    """404: no such agent or path."""


class ConflictError(AgentStatusError):
    """409: the service is busy with something that excludes this."""


class UnprocessableEntityError(AgentStatusError):
    """422: a field is missing or of the wrong type; `.details` names them."""

    @property
    def details(self) -> list[Any]:
        """The service's list of `{loc, msg, type}`, or what it sent instead."""
        detail = self.body.get("detail") if isinstance(self.body, Mapping) else self.body
        return detail if isinstance(detail, list) else [] if detail is None else [detail]


class ServerError(AgentStatusError):
    """5xx: the service failed; whether the turn ran is not known.

    Args:
        message: The service's own message and what to do.
        retry_after: Seconds the service asks to wait, if it does.
        **context: As for `AgentStatusError`.
    """

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, **context: Any
    ) -> None:
        super().__init__(message, **context)
        self.retry_after = retry_after

    @property
    def safe_to_repeat(self) -> bool:
        """A 503 that names a time to come back was not run."""
        later = self.status_code == 503 and self.retry_after is not None
        return self.unasked or (later and not self.begun)


class RateLimitError(AgentStatusError):
    """429: too many requests.

    Args:
        message: The service's own message and what to do.
        retry_after: Seconds the service asks to wait, if it does.
        **context: As for `AgentStatusError`.
    """

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, **context: Any
    ) -> None:
        super().__init__(message, **context)
        self.retry_after = retry_after

    @property
    def safe_to_repeat(self) -> bool:
        """The request was refused; one that is told of within an accepted turn is not."""
        return not self.begun


class QuotaExceededError(AgentStatusError):
    """402, or a code that says it: the account has nothing left; waiting does not help."""


class AgentStreamError(AgentError):
    """The answer broke off; `.partial` is the text received."""


class StreamInterruptedError(AgentStreamError):
    """The answer ended before its terminal event."""


class StreamProtocolError(AgentStreamError):
    """What arrived is not what the service's protocol says."""


class RemoteFailureError(AgentStreamError):
    """The service reported a failure inside an answer.

    Args:
        message: The service's own message.
        code: Its error code, if it has one.
        body: The decoded event.
        **context: As for `AgentError`.
    """

    def __init__(
        self, message: str = "", *, code: str | None = None, body: Any = None, **context: Any
    ) -> None:
        super().__init__(message, **context)
        self.code = code
        self.body = body


class ConversationError(AgentError):
    """A conversation or session cannot be used as asked."""

    @property
    def safe_to_repeat(self) -> bool:
        """Nothing was sent, unless an answer had begun."""
        return not self.begun


class ConversationNotFoundError(ConversationError):
    """The service no longer has this conversation, and the history to restart it is not at hand."""

    @property
    def safe_to_repeat(self) -> bool:
        """The same turn would be refused again."""
        return False


class AgentInterrupt(AgentError):
    """The run waits for a person, where plain text was asked for; nothing failed.

    Args:
        message: What the agent asks, and how to answer.
        interrupts: Each `remote_agents.types.Interrupt` that it waits for.
        **context: As for `AgentError`.
    """

    def __init__(
        self, message: str = "", *, interrupts: Sequence[Any] = (), **context: Any
    ) -> None:
        super().__init__(message, **context)
        self.interrupts = tuple(interrupts)
