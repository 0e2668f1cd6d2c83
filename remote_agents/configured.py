"""Arguments with the agent that they lead to, as a framework's model holds both."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import PrivateAttr, SecretStr
from typing_extensions import Self

from remote_agents.arguments.connection import environment_of
from remote_agents.callers import warn
from remote_agents.errors import AgentError
from remote_agents.settings import DerivedText, Settings, hide_secrets, require_service

if TYPE_CHECKING:
    from remote_agents.agent import Agent


SHARED = (
    "_agent",
    "account",
    "api_key",
    "fold",
    "http_async_client",
    "http_client",
    "session_store",
    "verify",
)
"""What a deep copy has in common with its model, in all faces: it is alive, or says who asks."""

CLIENTS = ("http_client", "http_async_client")


def shared_memo(
    model: Settings, memo: dict[int, Any] | None, alive: Sequence[str] = ()
) -> dict[int, Any]:
    """For `copy.deepcopy`: what has been copied, and with it what a copy shares.

    Args:
        model: What is copied.
        memo: As `copy.deepcopy` has it.
        alive: Fields of a framework's that are alive too.
    """
    shared = (getattr(model, name, None) for name in (*SHARED, *alive))
    return {**{id(each): each for each in shared}, **({} if memo is None else memo)}


def for_pickle(fields: Mapping[str, Any], alive: Sequence[str] = ()) -> dict[str, Any]:
    """The fields that a pickle carries, none of one process; it is said of what is left behind."""
    left = [name for name in (*CLIENTS, *alive) if fields.get(name) is not None]
    for name in left:
        instead = "uses the shared connections" if name in CLIENTS else "has none"
        warn(f"{name} does not go into a pickle; the copy {instead}.")
    return {**fields, **dict.fromkeys(left)}


class Configured(Settings):
    """The arguments of a model, and its agent, which follows each change of them.

    A change is checked as the constructor checks an argument: one that it refuses leaves the model
    as it was. What was derived from other arguments is shown, and is no argument of a copy.
    """

    _agent: Any = PrivateAttr(default=None)
    _arguments: ClassVar[tuple[str, ...]] = ()
    _checked: ClassVar[frozenset[str]] = frozenset()
    # Fields of the framework's: those of one process, and those that are checked as arguments are.
    _alive: ClassVar[tuple[str, ...]] = ()
    _face_fields: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if getattr(cls, "endpoint", None):
            cls._arguments = cls.argument_names()
            cls._checked = frozenset((*cls._arguments, *cls._face_fields))
            for name in _SHOWN:
                setattr(cls, name, _AsText(name))

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, *positional: object, **settings: object) -> None:
            require_service(type(self))
            settings = hide_secrets(settings)
            environment = _environment_in(settings)
            try:
                super().__init__(*positional, **settings)
                self._settle(environment)
            except AgentError as error:
                short = error.with_traceback(None)  # one short traceback, from here
                raise self._as_refusal(short) from error.__cause__

    @staticmethod
    def _as_refusal(error: AgentError) -> AgentError:
        """The error as the framework knows it."""
        return error

    def model_post_init(self, context: object, /) -> None:
        """Let the framework do its own part, which the private attribute here would hide."""
        super().model_post_init(context)

    # Not an abstract method: LlamaIndex puts a span around each.
    def _new_agent(self, environment: Mapping[str, str], arguments: Mapping[str, Any]) -> Agent:
        """The agent of these arguments."""
        raise NotImplementedError

    @property
    def agent(self) -> Agent:
        """The agent itself: its `name`, the facts of its `endpoint`, its resources."""
        # Not `self._agent`, which pydantic takes microseconds to find.
        agent: Agent | None = (self.__pydantic_private__ or {}).get("_agent")
        return self._set_up(_environment_in(self.__dict__)) if agent is None else agent

    def _set_up(self, environment: Mapping[str, str] | None) -> Agent:
        fields = self.__dict__
        given = {
            name: None if type(value := fields[name]) is DerivedText else value
            for name in self._arguments
        }
        found = environment_of(self.endpoint) if environment is None else environment
        return self._hold(self._new_agent(found, given))

    def _hold(self, agent: Agent) -> Agent:
        private = self.__pydantic_private__
        assert private is not None
        private["_agent"] = agent
        return agent

    def _settle(self, environment: Mapping[str, str] | None) -> None:
        """Set the agent up, and show what it derived in the fields of what was not given."""
        found = environment_of(self.endpoint) if environment is None else environment
        fields, agent = self.__dict__, self._set_up(found)
        if "model" not in self.endpoint.accepted:
            fields["agent_id"], fields["model"] = fields["agent_id"] or fields["model"], None
        for name in _SHOWN:
            value = getattr(agent, name)
            fields[name] = value if fields[name] else DerivedText.of(value, found)
        if not fields["api_key"]:  # from the environment, which a worker process may not have
            fields["api_key"] = SecretStr(agent.key)

    # --- changes -----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> None:
        if self._is_argument(name):
            new = hide_secrets({name: value})
            del value  # which the frames of an error would show
            self._change(new)
        else:
            super().__setattr__(name, value)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; what is updated takes effect in it."""
        update = hide_secrets(update or {})
        own = {name: value for name, value in update.items() if self._is_argument(name)}
        rest = {name: value for name, value in update.items() if name not in own}
        source = copy.deepcopy(self) if deep else self
        copied = super(Configured, source).model_copy(update=rest)
        if own:
            copied._change(own)
        if update:
            copied._on_change()
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return super().__deepcopy__(shared_memo(self, memo, self._alive))

    @classmethod
    def _is_argument(cls, name: str) -> bool:
        """Whether it is ours to check: an argument, or a name that nothing has."""
        if name in cls._checked:
            return True
        return not (name.startswith("_") or name in cls.model_fields or hasattr(cls, name))

    def _on_change(self) -> None:
        """What the framework has to do when a field has changed."""

    def _change(self, new: dict[str, Any]) -> None:
        """Take other arguments, if the constructor takes them; else all is as it was."""
        if "model" not in self.endpoint.accepted and new.get("model") is not None:
            new.setdefault("agent_id", None)  # of which it is another name
        fields = self.__dict__
        known = {name: fields[name] for name in type(self).model_fields if name in fields}
        made = type(self).__new__(type(self))
        # Not its class, which may be a subclass with a constructor of its own.
        Configured.__init__(made, **{**known, **new})
        fields.update((name, made.__dict__[name]) for name in self._checked)
        self.__pydantic_fields_set__.update(new)
        if not new.keys().isdisjoint(self._arguments):
            self._hold(made.agent)
        self._on_change()


_SHOWN = ("agent_id", "base_url")


class _AsText:
    """A field that may hold something derived: whoever reads it gets a text like any other."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, model: Settings | None, kind: type[Settings]) -> Any:
        if model is None:  # a class has no such attribute, as pydantic has it
            raise AttributeError(self._name)
        try:
            value = model.__dict__[self._name]
        except KeyError:
            raise AttributeError(self._name) from None
        return str(value) if type(value) is DerivedText else value

    def __set__(self, model: Settings, value: object) -> None:
        model.__dict__[self._name] = value


def _environment_in(fields: Mapping[str, Any]) -> Mapping[str, str] | None:
    """What the environment said when the fields were derived, if any was."""
    derived = (value for value in map(fields.get, _SHOWN) if type(value) is DerivedText)
    found = next(derived, None)
    return None if found is None else found.environment
