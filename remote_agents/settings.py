"""The arguments of every constructor, once; the classes of all faces inherit them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import Parameter, Signature, get_annotations
from os import PathLike
from ssl import SSLContext
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretBytes,
    SecretStr,
    SkipValidation,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict

from remote_agents.errors import ConfigurationError
from remote_agents.http.timeouts import Timeout
from remote_agents.memory.store import SessionStore
from remote_agents.service import STANDARD, Endpoint, register
from remote_agents.types import Fold

MAX_EVENT_BYTES = 8 * 1024 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
SESSION_WAIT = 180.0

Memory = Literal["auto", "server", "client"]
Token: TypeAlias = str | SecretStr
KeyFunction: TypeAlias = Callable[[], Token | Awaitable[Token]]


def _concealed(value: object) -> Any:
    if isinstance(value, bytes):
        return SecretBytes(value)
    return SecretStr(value) if isinstance(value, str) else value


# What may hold a secret, or is alive, is in no dump, no repr and no trace.
Hidden: Any = Field(default=None, exclude=True, repr=False)
ApiKey: TypeAlias = Annotated[SecretStr | str | KeyFunction, AfterValidator(_concealed)]
Secret: TypeAlias = Annotated[SecretStr | SecretBytes | str | bytes, AfterValidator(_concealed)]


def refuse_positional(kind: type, positional: tuple[Any, ...]) -> None:
    """Say that arguments have names; a value is never quoted, it may be the key."""
    if positional:
        raise ConfigurationError(
            f"{kind.__name__} takes its arguments by name: api_key=..., agent_id=..."
        )


class Derived:
    """What an argument that nobody gave comes to, as a model holds it to be shown."""

    __slots__ = ()


class DerivedText(Derived, str):
    """A text that was derived.

    Args:
        value: The agent's id, or the address.
        environment: The environment's variables from which it may be, which another process, or
            another day, may not have.
    """

    __slots__ = ("environment",)

    environment: Mapping[str, str]

    @classmethod
    def of(cls, value: str, environment: Mapping[str, str]) -> DerivedText:
        """The value, with what the environment said when it was derived."""
        derived = cls(value)
        derived.environment = environment
        return derived


def given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that say something: None stands for the default, as does what was derived."""
    return {
        name: value
        for name, value in settings.items()
        if value is not None and not isinstance(value, Derived)
    }


def refuse_bytes(name: str, value: object) -> None:
    """Say how the bytes of an argument become the text that it is; they are never quoted."""
    if isinstance(value, _BYTES):
        raise ConfigurationError(_DECODED.format(name))


_BYTES = (bytes, bytearray, SecretBytes)
_DECODED = "{} is a text, not bytes: pass what .decode() gives."


def refuse_certificates(value: Any) -> Any:
    """Say how certificates are passed that are no file; else the value as it is."""
    if isinstance(value, _BYTES) or (isinstance(value, str) and "-----BEGIN" in value):
        raise ConfigurationError(
            "verify is the path of a file of certificates, as a text, and not what is in it: write "
            "it to a file, or pass ssl.create_default_context(cadata=...)."
        )
    return value


Verify: TypeAlias = Annotated[
    StrictBool | StrictStr | PathLike[str] | SSLContext, BeforeValidator(refuse_certificates)
]


class Settings(BaseModel):
    """The arguments that all services share.

    A service adds its own in a mixin of its folder (`services/<name>/`). None is the default, and
    strict types take a value as it is: no text is read as a number, and no number as a switch.
    """

    # Most services are not used: their schemas are built when they are.
    # A wrong value may be a key in the wrong place: errors do not quote it.
    model_config = ConfigDict(
        arbitrary_types_allowed=True, defer_build=True, hide_input_in_errors=True
    )

    endpoint: ClassVar[Endpoint]

    agent_id: StrictStr | None = None
    """The agent; else `<PREFIX>_AGENT_ID`."""
    model: StrictStr | None = None
    """Another name of `agent_id`, where the service has no model of its own."""
    api_key: ApiKey | None = Hidden
    """A string, or a function (sync or async) that gives a fresh token; else `<PREFIX>_API_KEY`."""
    base_url: StrictStr | None = None
    """Root address of the service; else `<PREFIX>_BASE_URL`, else the service's own."""
    timeout: SkipValidation[float | Timeout | Any] = None
    """Seconds for each phase, or a `Timeout` (default 10 to connect, 120 to the first event, 60
    between events)."""
    max_retries: StrictInt = 2
    """How often a request that certainly did not run is repeated."""
    default_headers: Mapping[StrictStr, StrictStr] | None = Hidden
    """Headers that go with every request."""
    verify: Verify = Field(default=True, exclude=True, repr=False)
    """True, False, the path of a CA bundle, or an `ssl.SSLContext`."""
    http_client: object = Hidden
    """An `httpx.Client` of your own for sync calls; it is never closed here."""
    http_async_client: object = Hidden
    """An `httpx.AsyncClient` of your own for async calls."""
    memory: Memory = "auto"
    """`auto`, `server` (always ask the service to keep the conversation) or `client` (never)."""
    session_store: SessionStore | None = Hidden
    """Where sessions are remembered (default: in this process)."""
    session_wait: StrictFloat = SESSION_WAIT
    """Seconds a turn waits for its session."""
    dialogue_keys: list[StrictStr] = []
    """Further names in LangChain's `configurable` that tell two dialogues apart."""
    account: StrictStr | Callable[[], str] | None = Hidden
    """Whose turns these are, or a function that says so; default: the account of the key."""
    account_secret: Secret | None = Hidden
    """Seals the marks on replies; default: the store's own secret, else one made of the key."""
    rate_limit: StrictStr | None = None
    """For example `30/minute`, for all agents of the same account (default none)."""
    rate_limit_storage: StrictStr | None = Hidden
    """A `redis://` address, when many processes share the account."""
    extra_body: Mapping[str, Any] | None = Hidden
    """Fields added to the body of every turn."""
    allow_http: StrictBool = False
    """Accept `http://` beyond loopback."""
    retry_unsafe: StrictBool = False
    """Also repeat what may have run."""
    coalesce: StrictBool = True
    """Join deltas that arrived together."""
    fold: Fold | None = Hidden
    """Turns messages into one text where the service takes no roles or no history."""
    unknown_frames: Literal["error", "count"] = "error"
    """What a frame of unknown shape that holds a text does: end the answer as an error, or be
    counted."""
    max_event_bytes: StrictInt = MAX_EVENT_BYTES
    """The largest event accepted."""
    max_body_bytes: StrictInt = MAX_BODY_BYTES
    """The largest body accepted."""
    temperature: StrictFloat | None = None
    """Sampling temperature, where the service has it; else one warning and no effect."""
    max_tokens: StrictInt | None = None
    """The most tokens of an answer, where the service has it; else one warning and no effect."""
    stop: list[StrictStr] | StrictStr | None = None
    """Where the answer ends; cut here where the service cannot."""
    streaming: StrictBool | None = None
    """Whether a whole answer is asked for piece by piece too."""

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, *positional: object, **settings: object) -> None:
            refuse_positional(type(self), positional)
            refused = None
            try:
                super().__init__(**given(settings))
            except ValidationError as error:
                refused = refusal(type(self), error)
            except ConfigurationError as error:
                error.endpoint = error.endpoint or self.endpoint.name
                refused = error.with_traceback(None)
            if refused is not None:  # out here it leaves behind the values, which may be secrets
                raise refused

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        _show(cls)
        if "endpoint" in vars(cls):
            register(cls.endpoint)

    @classmethod
    def __pydantic_on_complete__(cls) -> None:
        """Pydantic has built the class, and put a signature of its own there."""
        _show(cls)

    @classmethod
    def argument_names(cls) -> tuple[str, ...]:
        """The fields that configure the agent: the common ones, and those of its service."""
        accepted = {*COMMON, *FRAMEWORK_PARAMETERS, *cls.endpoint.accepted}
        return tuple(name for name in cls.model_fields if name in accepted)


FRAMEWORK_PARAMETERS = (*STANDARD, "streaming")
"""Parameters that both frameworks know, which every class takes."""

COMMON = tuple(name for name in Settings.model_fields if name not in FRAMEWORK_PARAMETERS)
"""The arguments of every constructor that configure the agent and not its answers."""

DEFAULTS: dict[str, Any] = {name: Settings.model_fields[name].default for name in COMMON}


def refusal(kind: type[BaseModel], error: ValidationError) -> ConfigurationError:
    """What to write instead of what Pydantic refuses; a value is never quoted."""
    found: dict[str, list[str]] = {}
    service = kind.endpoint.name if issubclass(kind, Settings) else None
    for wrong in error.errors(include_url=False, include_context=False):
        name = str(wrong["loc"][0]) if wrong["loc"] else kind.__name__
        if wrong["type"] == "string_type" and isinstance(wrong["input"], _BYTES):
            return ConfigurationError(_DECODED.format(name), endpoint=service)
        found.setdefault(name, []).append(_GUESSED.sub("", wrong["msg"]))
    lines = [f"{name}: {_what_was_expected(said)}." for name, said in found.items()]
    return ConfigurationError(" ".join(lines), endpoint=service)


def _what_was_expected(said: Sequence[str]) -> str:
    """What an argument should be, of which each kind that it may be has something to say."""
    wanted = [each.removeprefix(_SHOULD_BE) for each in said if each.startswith(_SHOULD_BE)]
    return f"it should be {' or '.join(dict.fromkeys(wanted))}" if wanted else said[0]


_SHOULD_BE = "Input should be "
_GUESSED = re.compile(r", (?:unable to|got a) .*")  # how Pydantic tried to read a value
_PLAIN = frozenset(Settings.model_fields) - {"api_key", "account_secret"}
# What an argument, a header or a field is called that holds a secret.
NAMES_SECRET = re.compile(
    r"auth(?!or(?!i))|cookie|credential|key(?!word)|password|secret|signature|token(?!i[sz])",
    re.IGNORECASE,
)


def require_service(kind: type[Settings]) -> None:
    """Refuse the base of the services' classes, which is of no service itself."""
    if not hasattr(kind, "endpoint"):
        name = kind.__name__
        raise ConfigurationError(f"{name} is the base of the services' classes: use those.")


def hide_secrets(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The same arguments with no secret in plain text: error trackers show the locals of frames.

    An argument that no class has is one too, if its name says so: it may be a misspelt one.

    Example:
        >>> hide_secrets({"api_key": "a-secret", "agent_id": "a"})
        {'api_key': SecretStr('**********'), 'agent_id': 'a'}
    """
    secret = filter(NAMES_SECRET.search, arguments.keys() - _PLAIN)
    return {**arguments, **{name: _concealed(arguments[name]) for name in secret}}


def signature(*positional: str, kind: type[Settings] = Settings) -> Signature:
    """What `help()` shows of a class, or of a method that takes its arguments behind some others.

    The class's own arguments stand before those of its framework, with their types as one would
    write them: without what only says how they are checked.
    """
    first = [Parameter(name, Parameter.POSITIONAL_ONLY) for name in positional]
    own: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        own.update(get_annotations(base) if issubclass(base, Settings) else {})
    fields = sorted(kind.model_fields.items(), key=lambda item: item[0] not in own)
    return Signature(
        [*first, *(_parameter_of(name, field, own.get(name)) for name, field in fields)]
    )


def _parameter_of(name: str, field: FieldInfo, said: object) -> Parameter:
    kind = _CHECKED.sub(_plain_type, said) if isinstance(said, str) else field.annotation
    default = None if field.default_factory is not None else field.default
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _plain_type(checked: re.Match[str]) -> str:
    return checked["skipped"] or checked["strict"].lower()


_CHECKED = re.compile(r"Strict(?P<strict>Str|Int|Float|Bool)|SkipValidation\[(?P<skipped>[^]]*)\]")


class _ShownSignature:
    """The signature of a class, made when it is asked for."""

    def __get__(self, model: object, kind: type[Settings]) -> Signature:
        if model is not None:  # which is called in another way, if at all
            raise AttributeError("__signature__")
        return signature(kind=kind)


def _show(kind: type[Settings]) -> None:
    if not TYPE_CHECKING:
        kind.__signature__ = _ShownSignature()


class CallArguments(TypedDict, total=False):
    """What one call may say, on every surface; a service adds its own parameters."""

    conversation_id: str | None
    session_id: str | None
    memory: Memory | None
    attachments: Sequence[Any]
    headers: Mapping[str, str]
    timeout: float | Timeout | None
    extra_body: Mapping[str, Any]
    resume: Any
    suggest: bool
    temperature: float | None
    max_tokens: int | None
    stop: list[str] | str | None
