"""What a prompt asks and what it tells: question, context, earlier turns.

Prompts arrive in every shape: a bare question, a question after pages of context, a retrieval
template, a whole dialogue folded into one text. This module takes them apart by their usual marks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from remote_agents.sandbox.mind.knowledge import remembered, sentences

Sentence = tuple[str, str]

ROLE = re.compile(
    r"^[ \t]*(?:[\[<(*#]+ ?)?(system|user|human|assistant|ai)(?: message)?"
    r"[\])>*]*[ \t]*:[\])>*]*[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
ASKED = re.compile(
    r"^[ \t]*(?:the original query is as follows"
    r"|(?:original |user |input |latest |new )?(?:question|query)"
    r"|follow[- ]?up (?:input|question|message)"
    r"|(?:current|new|latest|user) (?:message|input|request))"
    r"[ \t]*:[ \t]*(?P<rest>.*)$",
    re.IGNORECASE | re.MULTILINE,
)
TAGGED = re.compile(
    r"<(?:follow up message|(?:user[ _])?(?:question|query))>\s*(?P<rest>[^<]+)", re.IGNORECASE
)
QUOTED = re.compile(r"\bquestion: '(?P<rest>.+?)'[ \t]*$", re.MULTILINE | re.DOTALL)
INSTRUCTIONS = (
    r"you are (?:a|an|the) [^.]*(?:assistant|bot|agent|expert|helper|ai)",
    r"use (?:the|only|three|any)",
    (
        r"(?:use|given|based on|using|consider) (?:the|these|this|only) [^.]*"
        r"(?:context|document|information|source|history|conversation)"
    ),
    r"if (?:you don.?t know|you do not know|the (?:context|answer|question|assistant))",
    r"answer (?:the|with|only|in|using|from|briefly|\")",
    r"(?:do not|don.?t) (?:answer|make|use)",
    r"keep the answer",
    r"context(?: information)?\b[^.]{0,40}(?:below|:)",
    r"(?:context|answer|question|sources?|documents?)\s*:?$",
    r"(?:helpful|refined|final|existing) answer",
    r"instructions?:",
    r"here (?:are|is) the",
    r"we have (?:provided|the opportunity)",
    r"the following (?:is|are)",
    r"the original query",
    r"(?:respond|reply|return|output|format|think|write|rephrase|refine)\b",
    r"always (?:answer|cite|say)",
    r"the assistant is",
    r"the user(?:'s)? (?:question|message)",
    r"(?:conversation|chat history|history)[^.]*:$",
)
BOILERPLATE = re.compile("|".join(INSTRUCTIONS), re.IGNORECASE)
JSON_TALK = re.compile(r"\bJSON\b|\bschema\b", re.IGNORECASE)
CONDENSE = re.compile(
    r"standalone (?:question|query)|rephrase the follow|condense the (?:follow|conversation)",
    re.IGNORECASE,
)
LABEL = re.compile(r"^(?:answer|a|response):\s+", re.IGNORECASE)
LONG = 400


@dataclass(frozen=True)
class Reading:
    """One text, understood.

    Args:
        question: what it asks.
        context: sentences that it brings along to answer from, each with its heading.
        turns: earlier turns that were folded into it, as (role, text).
    """

    question: str
    context: tuple[Sentence, ...] = ()
    turns: tuple[tuple[str, str], ...] = field(default=())


@remembered
def read(text: str) -> Reading:
    """Take a user's text apart.

    Example:
        >>> read("My name is Bo. What is my name?").question
        'What is my name?'
    """
    turns, rest, before = _unfolded(text)
    asked = _last_asked(rest)
    if asked is not None:
        question, told = asked
    else:
        question, told = _last_question(rest)
    return Reading(question, told_by(f"{before}\n{told}"), turns)


@remembered
def told_by(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text that say something: no questions, and no usual instructions."""
    return tuple(
        (LABEL.sub("", said), heading)
        for said, heading in sentences(text)
        if not is_instruction(said) and not said.endswith("?")
    )


def is_instruction(sentence: str) -> bool:
    """Whether a sentence tells the model how to answer, rather than a fact."""
    return bool(BOILERPLATE.match(sentence.strip()) or JSON_TALK.search(sentence))


def wants_standalone(texts: list[str]) -> bool:
    """Whether a prompt asks to rewrite the follow-up question instead of answering it."""
    return any(CONDENSE.search(text) for text in texts)


def _unfolded(text: str) -> tuple[tuple[tuple[str, str], ...], str, str]:
    """The turns inside a text, its last user part, and what stands outside of turns."""
    marks = list(ROLE.finditer(text))
    if not any(_role(mark) == "user" for mark in marks):
        return (), text, ""
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    parts = [
        (_role(mark), text[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)
    ]
    parts = [(role, part) for role, part in parts if part or role != "assistant"]
    outside = [text[: marks[0].start()], *(part for role, part in parts if role == "system")]
    turns = [(role, part) for role, part in parts if role != "system"]
    if turns[-1][0] != "user":
        # Only a blank line tells the last answer from the question after it.
        answer, blank, rest = turns[-1][1].partition("\n\n")
        turns[-1:] = [("assistant", answer), ("user", rest)] if blank else [("user", answer)]
    return tuple(turns[:-1]), turns[-1][1], "\n".join(outside)


def _role(mark: re.Match[str]) -> str:
    name = mark.group(1).lower()
    return {"human": "user", "ai": "assistant"}.get(name, name)


def _last_asked(text: str) -> tuple[str, str] | None:
    """The question behind the last mark such as "Query:", and the text without it."""
    kinds = (list(kind.finditer(text)) for kind in (ASKED, TAGGED, QUOTED))
    marks = next(filter(None, kinds), None)
    if marks is None:
        return None
    mark = marks[-1]
    question, end = mark.group("rest").strip(), mark.end()
    if not question:
        question, _, _ = text[end:].strip().partition("\n")
        end = text.find(question, end) + len(question)
    return question.strip(), f"{text[: mark.start()]}\n{text[end:]}"


def _last_question(text: str) -> tuple[str, str]:
    """The last sentence that asks, else all of a short text or the end of a long one."""
    parts = [sentence for sentence, _ in sentences(text)]
    asking = [part for part in parts if part.rstrip('"”)*').endswith("?")]
    if asking:
        head, _, tail = text.rpartition(asking[-1])
        return asking[-1], f"{head}\n{tail}" if head or tail else text.replace(asking[-1], "")
    if len(text) <= LONG or not parts:
        return text.strip(), text
    return parts[-1], text
