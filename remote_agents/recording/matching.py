"""Whether a request is the one that was recorded; ids that the caller makes may be others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from remote_agents.json_types import JsonMapping
from remote_agents.recording.anonymizing import DROPPED, FORM, HIDDEN
from remote_agents.recording.standins import shape_of
from remote_agents.recording.transcript import Interaction, origin_of
from remote_agents.recording.words import COMMON

Difference: TypeAlias = str
# What a client may word otherwise from one version to the next.
FREE = DROPPED | {"accept", "accept-encoding", "user-agent"}
_SIZE = re.compile(rb"\[\d+ bytes\]")


class Number(str):
    """A number of JSON, as it is written."""

    __slots__ = ()


@dataclass
class Matcher:
    """What was answered so far, and which ids the caller has made.

    Args:
        answered: All that he was told.
        made: Ids in the recording, and what stands for them in what he sends.
        named: Names of his tools and of their arguments in the recording, and what they are.
    """

    answered: str = ""
    made: dict[str, str] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)

    def differences(self, recorded: Interaction, asked: Interaction) -> Iterator[Difference]:
        """In what a request is not the recorded one; ids are taken note of on the way."""
        if (recorded.method or asked.method) != asked.method:
            yield f"the method is {asked.method}, recorded was {recorded.method}"
        if recorded.method:
            yield from self._target(recorded.target, asked.target)
            yield from self._headers(recorded, asked)
            yield from self._body(recorded, asked)

    def rewritten(self, answer: bytes) -> bytes:
        """What was answered, with the ids that the caller has made, and his names of tools."""
        for recorded, asked in self.made.items():
            if recorded != asked:
                answer = answer.replace(recorded.encode(), asked.encode())
        if not self.named:
            return answer
        words = {name.encode(): own.encode() for name, own in self.named.items()}
        longest_first = sorted(words, key=len, reverse=True)
        alone = rb"(?<![^\W_])(?:" + b"|".join(map(re.escape, longest_first)) + rb")(?![^\W_])"
        return re.sub(alone, lambda found: words[found[0]], answer)

    # --- parts -----------------------------------------------------------------------------------

    def _target(self, recorded: str, asked: str) -> Iterator[Difference]:
        if host := origin_of(recorded):  # an address that was answered, with ids of the caller's
            recorded = self.rewritten(recorded.removeprefix(host).encode()).decode()
        path, _, query = recorded.partition("?")
        asked_path, _, asked_query = asked.partition("?")
        steps, asked_steps = path.split("/"), asked_path.split("/")
        alike = len(steps) == len(asked_steps)
        if not alike or any(map(self._text, steps, asked_steps, [True] * len(steps))):
            yield f"the path is {asked_path}, recorded was {path}"
            return
        fields = dict(parse_qsl(query, keep_blank_values=True))
        given = dict(parse_qsl(asked_query, keep_blank_values=True))
        yield from self._object(fields, given, "the query")

    def _headers(self, recorded: Interaction, asked: Interaction) -> Iterator[Difference]:
        given = {name.lower(): value for name, value in asked.headers}
        for name, value in recorded.headers:
            if name.lower() in FREE:
                continue
            if name.lower() not in given:
                yield f"the header {name} is missing"
            elif value not in (HIDDEN, FORM) and name.lower() != "cookie":
                for difference in self._text(value, given[name.lower()]):
                    yield f"the header {name} {difference}"

    def _body(self, recorded: Interaction, asked: Interaction) -> Iterator[Difference]:
        if _SIZE.fullmatch(recorded.body):
            if not asked.body:
                yield "the body is empty, recorded was a file or a form"
            return
        before, now = _read(recorded.body), _read(asked.body)
        yield from self._value(before, now, "the body")

    # --- values ----------------------------------------------------------------------------------

    def _value(self, recorded: Any, asked: Any, where: str) -> Iterator[Difference]:
        if type(recorded) is not type(asked):
            yield f"{where} is {_kind(asked)}, recorded was {_kind(recorded)}"
        elif isinstance(recorded, dict):
            yield from self._object(recorded, asked, where)
        elif isinstance(recorded, list):
            if len(recorded) != len(asked):
                yield f"{where} has {len(asked)} items, recorded were {len(recorded)}"
            for number, (before, now) in enumerate(zip(recorded, asked, strict=False)):
                yield from self._value(before, now, f"{where}[{number}]")
        elif isinstance(recorded, Number):
            if not _same_number(recorded, asked):
                yield f"{where} is {asked}, recorded was {recorded}"
        elif isinstance(recorded, str):
            if where.endswith(".name"):
                self._learn(recorded, asked, where)
            for difference in self._text(recorded, asked):
                yield f"{where} {difference}"
        elif recorded != asked:
            yield f"{where} is {json.dumps(asked)}, recorded was {json.dumps(recorded)}"

    def _object(
        self, recorded: JsonMapping, asked: JsonMapping, where: str
    ) -> Iterator[Difference]:
        missing = [name for name in recorded if name not in asked]
        others = [name for name in asked if name not in recorded]
        pairs = {name: name for name in recorded if name in asked}
        for name in missing.copy():  # of a name that is no word of the protocol, the shape is known
            alike = next((other for other in others if shape_of(other) == shape_of(name)), None)
            if alike is not None:
                pairs[name] = alike
                missing.remove(name)
                others.remove(alike)
        yield from (f"{where} lacks {name}" for name in missing)
        yield from (f"{where} has {name}, which was not recorded" for name in others)
        for name, other in pairs.items():
            self._learn(name, other, where)
            yield from self._value(recorded[name], asked[other], f"{where}.{name}")

    def _learn(self, recorded: str, asked: str, where: str) -> None:
        """Take note of what is named in a list of tools, which an answer says again."""
        alike = recorded != asked and shape_of(recorded) == shape_of(asked)
        if alike and ".tools[" in where and recorded not in COMMON:
            self.named[recorded] = asked

    def _text(self, recorded: str, asked: str, step: bool = False) -> list[Difference]:
        """In what a text is another; an id that was answered comes back as it is."""
        if recorded == asked and recorded not in self.made:
            return []
        if _is_id(recorded):
            return self._id(recorded, asked)
        if shape_of(recorded) == shape_of(asked) and not step:
            return []
        return [f"is {shape_of(asked)[:80]!r}, recorded was {shape_of(recorded)[:80]!r}"]

    def _id(self, recorded: str, asked: str) -> list[Difference]:
        known = self.made.get(recorded)
        if known is None and recorded in self.answered:
            known = recorded
        if known is not None:
            return [] if known == asked else [f"is {asked[:80]!r}, answered was {known!r}"]
        if _form(recorded) != _form(asked):
            return [f"is {asked[:80]!r}, recorded was one like {recorded!r}"]
        self.made[recorded] = asked
        return []


_ID = re.compile(r"(?=.*\d)[^\s]{6,}")


def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _form(text: str) -> str:
    return "".join("x" if letter.isalnum() else letter for letter in text)


def _read(body: bytes) -> Any:
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text, parse_int=Number, parse_float=Number)
    except ValueError:
        return text


def _same_number(recorded: str, asked: str) -> bool:
    long = re.fullmatch(r"-?\d{1,4}(?:\.\d{1,3})?", recorded) is None
    return _form(recorded) == _form(asked) if long else recorded == asked


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", Number: "a number", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a text")
