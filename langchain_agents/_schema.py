"""The JSON schemas of structured answers: made, checked, and whether a value is valid for one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel

from langchain_agents._errors import model_errors
from remote_agents.errors import ConfigurationError
from remote_agents.extras import require
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.service import Endpoint


def check_schema(schema: JsonMapping) -> None:
    """See that a schema says what it may.

    Args:
        schema: A JSON schema; it refers to nothing outside of it, which would be fetched.

    Raises:
        ConfigurationError: It is none; the message says where.
    """
    require("with_structured_output", "langchain", "jsonschema")
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ConfigurationError(
            f"This is no valid JSON schema: at {error.json_path}, {error.message}."
        ) from error


def violation(value: object, schema: JsonMapping) -> str:
    """What is wrong with a value; empty if nothing is.

    Args:
        value: A decoded JSON value.
        schema: What it has to be valid for.

    Raises:
        ConfigurationError: The schema refers to what it does not hold; nothing is fetched.

    Example:
        >>> violation({"days": "25"}, {"properties": {"days": {"type": "integer"}}})
        "answer.days: '25' is not of type 'integer'"
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    known: Registry[Any] = Registry()
    try:
        wrong = best_match(Draft202012Validator(schema, registry=known).iter_errors(value))
    except Unresolvable as error:
        raise ConfigurationError(
            f"The JSON schema lacks what it refers to: {error.ref}."
        ) from error
    return "" if wrong is None else f"answer{wrong.json_path[1:]}: {wrong.message}"


def unwrapped(schema: Any, strict: bool | None) -> tuple[Any, bool | None]:
    """A schema, and whether it is strict, out of what `response_format` of OpenAI's API takes.

    Any other schema is left as it is.

    Example:
        >>> unwrapped({"name": "Days", "schema": {"type": "object"}, "strict": True}, None)
        ({'title': 'Days', 'type': 'object'}, True)
    """
    if not isinstance(schema, Mapping):
        return schema, strict
    packed = schema.get("json_schema") if schema.get("type") == "json_schema" else schema
    if not isinstance(packed, Mapping) or not isinstance(packed.get("schema"), Mapping):
        return schema, strict
    about = {"title": packed.get("name"), "description": packed.get("description")}
    form = {**{key: said for key, said in about.items() if said}, **packed["schema"]}
    return form, packed.get("strict") if strict is None else strict


def json_schema_of(schema: Any, strict: bool | None) -> JsonObject:
    """The JSON schema of a Pydantic class, a TypedDict or a JSON schema.

    Raises:
        ConfigurationError: It is none of these.
    """
    try:
        form = convert_to_json_schema(_kept_whole(schema))
    except (TypeError, ValueError, RuntimeError) as error:
        with model_errors():
            raise ConfigurationError(
                f"with_structured_output takes a Pydantic class, a TypedDict or a JSON schema with "
                f"a title: {error}"
            ) from error
    return {**form, "additionalProperties": False} if strict else form


def _kept_whole(schema: Any) -> Any:
    """A schema of which LangChain's conversion loses nothing.

    It ends a class where that refers to itself, and reads no reference that is all of a schema.
    """
    if isinstance(schema, type) and issubclass(schema, Enum):
        raise TypeError(
            f"{schema.__name__} is an Enum, and an answer is an object: make it a field"
        )
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        form = schema.model_json_schema()
        schema = form if _refers_to_itself(form) else schema
    name = str(schema.get("$ref", "")).rpartition("/")[2] if isinstance(schema, Mapping) else ""
    parts = {**schema.get("definitions", {}), **schema.get("$defs", {})} if name else {}
    if name not in parts:
        return schema
    return {**parts[name], **{key: said for key, said in schema.items() if key != "$ref"}}


def _refers_to_itself(form: JsonMapping) -> bool:
    parts = form.get("$defs", {})
    names = {name: set(_REFERENCE.findall(json.dumps(part))) for name, part in parts.items()}
    for _ in names:
        names = {
            name: to.union(*(names.get(each, ()) for each in to)) for name, to in names.items()
        }
    return any(name in to for name, to in names.items())


_REFERENCE = re.compile(r'"#/\$defs/([^"/]+)"')


def response_format(form: JsonObject, method: str, strict: bool | None) -> JsonObject:
    """The form as services with `response_format` take it."""
    if method == "json_mode":
        return {"type": "json_object"}
    named: JsonObject = {"name": form.get("title") or "answer", "schema": form}
    if strict is not None:
        named["strict"] = strict
    return {"type": "json_schema", "json_schema": named}


def asked_for(
    schema: Any, form: JsonObject, method: str, strict: bool | None, endpoint: Endpoint
) -> JsonObject:
    """What of a call says that an object is wanted: to tracers, and to a service that knows it.

    Args:
        schema: What the caller gave: a class or a schema.
        form: Its JSON schema.
        method: `json_schema`, `json_mode` or `function_calling`.
        strict: Whether fields that it does not name are refused.
        endpoint: The facts of the service.
    """
    traced = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
    call: JsonObject = {"ls_structured_output_format": traced}
    if method == "function_calling" and not endpoint.tools:
        call["tools"] = [schema]  # which every call refuses, saying why
    elif endpoint.native_json:
        call["response_format"] = response_format(form, method, strict)
    return call
