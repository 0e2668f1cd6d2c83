"""AG-UI's `RunAgentInput` as its own libraries check it: in 1.0, and as Tencent's servers know it.

Written from the protocol's documents and compared with `ag-ui-protocol` 1.0 and 0.1.11: names are
taken in camelCase and in snake_case, and fields that nobody knows are passed over.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from remote_agents.sandbox.json_types import JsonObject


class Shape(BaseModel):
    """An object of the protocol."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel, populate_by_name=True)


class FunctionCall(Shape):
    """What is called, and with what: JSON as text."""

    name: str
    arguments: str


class Sealed(Shape):
    """What may hold something that its agent's model alone reads."""

    encrypted_value: str | None = None


class ToolCall(Sealed):
    """A call of a tool."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class TextPart(Shape):
    """Text in the content of a message."""

    type: Literal["text"]
    text: str


class DataSource(Shape):
    """A file in base64."""

    type: Literal["data"]
    value: str
    mime_type: str


class UrlSource(Shape):
    """A file at an address."""

    type: Literal["url"]
    value: str
    mime_type: str | None = None


class FileSource(Shape):
    """A file that the agent's provider holds."""

    type: Literal["file"]
    value: str
    provider: str | None = None
    mime_type: str | None = None


class MediaPart(Shape):
    """A file in the content of a message."""

    type: Literal["image", "audio", "video", "document"]
    source: Annotated[DataSource | UrlSource | FileSource, Field(discriminator="type")]


class BinaryPart(Shape):
    """A file before 1.0."""

    type: Literal["binary"]
    mime_type: str
    id: str | None = None
    url: str | None = None
    data: str | None = Field(default=None, validate_default=True)

    @field_validator("data")
    @classmethod
    def _has_source(cls, data: str | None, info: ValidationInfo) -> str | None:
        if not (data or info.data.get("id") or info.data.get("url")):
            raise ValueError("BinaryInputContent requires id, url, or data to be provided.")
        return data


Parts = list[Annotated[TextPart | MediaPart, Field(discriminator="type")]]
PartsBefore = list[Annotated[TextPart | BinaryPart, Field(discriminator="type")]]


class Told(Sealed):
    """A message of words alone."""

    id: str
    role: Literal["system", "developer", "reasoning"]
    content: str
    name: str | None = None


class Asked(Sealed):
    """A message of a user."""

    id: str
    role: Literal["user"]
    content: str | Parts
    name: str | None = None


class Answered(Sealed):
    """A message of an agent, of which nothing is required."""

    id: str
    role: Literal["assistant"]
    content: str | None = None
    tool_calls: list[ToolCall] | None = None
    name: str | None = None


class Result(Sealed):
    """What a tool gave back."""

    id: str
    role: Literal["tool"]
    content: str | Parts
    tool_call_id: str


class Activity(Shape):
    """What an agent shows of its work."""

    id: str
    role: Literal["activity"]
    activity_type: str
    content: JsonObject


class AskedBefore(Sealed):
    """A message of a user before 1.0."""

    id: str
    role: Literal["user"]
    content: str | PartsBefore
    name: str | None = None


class ResultBefore(Sealed):
    """What a tool gave back before 1.0."""

    id: str
    role: Literal["tool"]
    content: str
    tool_call_id: str


class Entry(Shape):
    """What the caller tells beside the dialogue."""

    description: str
    value: str


class Tool(Shape):
    """A tool of the caller."""

    name: str
    description: str
    parameters: Any = None


class ToolBefore(Shape):
    """A tool of the caller before 1.0."""

    name: str
    description: str
    parameters: Any


class Resume(Shape):
    """An answer to an interrupt."""

    interrupt_id: str
    status: Literal["resolved", "cancelled"]
    payload: Any = None
    metadata: JsonObject | None = None


class RunAgentInput(Shape):
    """A request in AG-UI 1.0."""

    thread_id: str
    run_id: str
    parent_run_id: str | None = None
    protocol_version: str | None = None
    messages: list[
        Annotated[Told | Asked | Answered | Result | Activity, Field(discriminator="role")]
    ]
    tools: list[Tool] | None = None
    context: list[Entry] | None = None
    forwarded_props: JsonObject | None = None
    resume: list[Resume] | None = None


class RunAgentInputBefore(Shape):
    """A request as Tencent's servers read it: only the messages are required."""

    thread_id: str | None = None
    run_id: str | None = None
    parent_run_id: str | None = None
    messages: list[
        Annotated[
            Told | AskedBefore | Answered | ResultBefore | Activity, Field(discriminator="role")
        ]
    ]
    tools: list[ToolBefore] = []
    context: list[Entry] = []
    forwarded_props: JsonObject | None = None
