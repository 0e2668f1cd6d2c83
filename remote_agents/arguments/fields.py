"""Classes of a framework that are Pydantic's: a wrong argument is refused as everywhere."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from remote_agents.errors import ConfigurationError
from remote_agents.settings import given, refusal


class CheckedFields(BaseModel):
    """A class whose arguments are its fields: an unknown one is refused, as is a wrong value."""

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, **arguments: object) -> None:
            refused = None
            try:
                _refuse_unknown(type(self), arguments)
                super().__init__(**given(arguments))
            except ValidationError as error:
                refused = refusal(type(self), error)
            if refused is not None:  # out here it leaves behind the values, which may be secrets
                raise refused


def _refuse_unknown(kind: type[BaseModel], arguments: dict[str, object]) -> None:
    valid = sorted(kind.model_fields)
    for name in arguments:
        if name not in valid:
            near = difflib.get_close_matches(name, valid, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"valid are {', '.join(valid)}."
            raise ConfigurationError(f"{kind.__name__} has no argument {name!r}; {advice}")
