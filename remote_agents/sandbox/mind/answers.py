"""From a question to an answer, without a model: the sentences that fit best, and where from."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import NamedTuple

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.knowledge import Hit, Knowledge
from remote_agents.sandbox.mind.reading import TALKERS, Reading, Sentence, read, talks, told_by
from remote_agents.sandbox.mind.schema import Filler, Schema, corrected, find_shape
from remote_agents.sandbox.mind.scoring import LEAST, Candidate, Query, followed, gist, parts_of
from remote_agents.sandbox.mind.tasks import perform
from remote_agents.sandbox.mind.values import Field
from remote_agents.sandbox.mind.words import pattern, spoken, terms, topic_words

COUNT, ASKED_BEFORE = pattern(r"\bcount (?:from 1 )?to (\d{1,6})\b"), pattern(spoken("said before"))
FIRST, STATED = pattern(spoken("first")), pattern(rf"\W*(?:{spoken('polite')} )*{spoken('states')}")
SMALL_TALK = {
    r"(?s)^\s*(?:say|repeat(?: after me)?)(?: exactly)?\s*:\s*(.*\S)\s*$": r"\1",
    r"^\W*(?:say|reply with|respond with)(?: the words?)? ['\"“](.+)['\"”]\W*$": r"\1",
    rf"^\W*{spoken('hello')}": "Hello! Ask me anything about the handbook.",
    rf"^\W*{spoken('thanks')}": "You are welcome! I am here if you need anything else.",
    spoken("who are you"): "I answer questions from the documents that I was given.",
    spoken("joke"): "Why did the harbor never get lost? It always knew its docks by heart.",
}
# "If it is not there, say 'unknown'", and NO_OUTPUT.
REFUSAL = pattern(
    rf"{spoken('if')}[^\n]{{0,160}}?{spoken('says')}[^\"“„「\n.]{{0,24}}?"
    r"(?:[\"“„「]([^\"“”」\n]{2,80})[\"“”」]|\b((?-i:[A-Z]+_[A-Z_]+))\b)"
)
NOTHING = "I could not find anything about that in my documents."


@dataclass(frozen=True)
class Ask:
    """A request: its messages, oldest first, after those that the server already held.

    A schema is what the answer has to obey, an empty one any JSON object; `limit` counts words.
    """

    messages: list[JsonObject]
    stored: list[JsonObject] = field(default_factory=list)
    files: tuple[str, ...] = ()
    schema: JsonObject | None = None
    limit: int | None = None
    stop: tuple[str, ...] = ()

    @property
    def dialogue(self) -> list[tuple[str, str]]:
        """Everything known of the conversation as (role, text)."""
        return [(str(m["role"]), str(m["content"])) for m in (*self.stored, *self.messages)]


@dataclass(frozen=True)
class Answer:
    """What to say, and where it is from."""

    text: str
    reasoning: str = "The message needs no look into the documents."
    query: str = ""
    used: Sequence[Hit] = ()
    found: Sequence[Hit] = ()


class Sources(NamedTuple):
    """What an answer can be taken from: documents, the prompt, and what was said before it.

    The newest of what was said comes first.
    """

    knowledge: Knowledge
    given: list[Sentence]
    user: list[str]
    assistant: list[str]

    @property
    def asked(self) -> list[str]:
        """What the user asked before."""
        return [read(said).question for said in self.user]

    def found(self, question: str) -> tuple[list[Candidate], list[Hit]]:
        """The sentences to answer with, one for each part, and the sections that were found."""
        parts, asked = parts_of(question), self.asked
        found, offered = list[Candidate](), list[Hit]()
        for part in parts:
            query = Query.of(part, followed(part, asked), self.knowledge)
            hits = self.knowledge.search(query.weights)
            ranked = self.ranked(query, hits)
            found += ranked[:1] if len(parts) > 1 else _best(ranked)
            offered, asked = offered + hits, [part, *asked]
        return found, list(dict.fromkeys(offered))

    def ranked(self, query: Query, hits: Sequence[Hit], least: float = LEAST) -> list[Candidate]:
        """What everything known says to a question, best first.

        Documents, and earlier answers, have to be clearly better than what was told.
        """
        found = list[Candidate]()
        for worth, said in ((1.0, self.user), (0.75, self.assistant)):
            found += [
                one._replace(score=worth * one.score)
                for one in query.scored(told_by(*said), least)
                if not self.knowledge.home_of(one.text)
            ]
        found += query.scored(self.given, least)
        text = sum(not talks(part) for part in self.given) > 2
        for hit in hits:
            found += query.scored(hit.section.sentences, 0.8 if text else LEAST, hit)
        return sorted(found, key=lambda candidate: -candidate.score)

    def evidence(self, question: str, documents: bool, field: Field) -> list[str]:
        """The sentences for a field: all that is said of it, its name alone, and the question."""
        topics, found = [question, *followed(question, self.asked)], list[tuple[float, str]]()
        for worth, text in ((1.0, " ".join(field)), (0.8, field.title)):
            query = Query.of(text, topics, self.knowledge)
            hits = self.knowledge.search(query.weights) if documents else []
            found += [(worth * one.score, one.text) for one in self.ranked(query, hits, 0.2)]
        return [text for _, text in sorted(found, key=lambda one: -one[0])]


class Brain:
    """Answers from documents, from what was said before and, if it may, from the prompt itself."""

    def __init__(self, knowledge: Knowledge, *, use_context: bool = True) -> None:
        self.knowledge, self.use_context = knowledge, use_context

    def answer(self, ask: Ask) -> Answer:
        """Answer a question, as prose or as JSON."""
        dialogue = ask.dialogue or [("user", "")]
        last = max((at for at, (role, _) in enumerate(dialogue) if role == "user"), default=-1)
        prompt = [text for role, text in dialogue if role not in TALKERS] + [dialogue[last][1]]
        shapes, (*rest, text) = zip(*map(find_shape, prompt), strict=True)
        schema = next(filter(None, (ask.schema, *shapes)), ask.schema)
        if not schema and (again := self._corrected(ask, text)):
            return again
        reading = read(text)
        before = [*dialogue[:last], *reading.turns][::-1]
        user, assistant = ([said for role, said in before if role == by] for by in TALKERS)
        given = [*told_by(*rest), *reading.told] if self.use_context else []
        sources = Sources(self.knowledge, given, user, assistant)
        whole = "\n\n".join([*rest, text])
        if schema is None and (done := perform(whole, reading.question, user)):
            return Answer(done)
        talk = _small_talk(reading.question, user)
        answer = Answer(talk) if talk else _prose(reading, sources)
        if schema is not None:
            given = told_by(talk) if talk else given  # a joke has its parts
            return _as_json(schema, answer, reading, sources._replace(given=given))
        said = answer.text if talk else _received(ask.files) + _worded(whole, answer.text)
        return replace(answer, text=said)

    def _corrected(self, ask: Ask, complaint: str) -> Answer | None:
        """The answer to an earlier message with a form, where the last says what is wrong."""
        asked = [(n, text) for n, (role, text) in enumerate(ask.dialogue, 1) if role == "user"]
        for count, text in reversed(asked[:-1]):
            form, _ = find_shape(text)
            if schema := form and corrected(form, complaint):
                return self.answer(Ask([*ask.stored, *ask.messages][:count], schema=schema))
        return None


def _prose(reading: Reading, sources: Sources) -> Answer:
    """What answers the question, or the one before it where this message only brings more."""
    for earlier in [each for each in map(read, sources.asked) if each.asks][:1]:
        query = Query.of(earlier.question, [], sources.knowledge)
        if reading.talks or (not reading.asks and any(query.scored(reading.told))):
            reading = earlier
    question, nothing = reading.question, NOTHING
    chosen, hits = sources.found(question)
    told = any(part.text for part in sources.given)
    if reading.talks and told and not (chosen and Sentence(question).asks):
        chosen, hits = gist(sources.given), []
    if STATED.match(question) and not reading.asks:
        chosen = [one for one in chosen if one.hit]
        nothing = f"Noted, I will remember that. You said: {question}"
    # A retriever may have copied them into the prompt.
    used = dict.fromkeys(one.hit or sources.knowledge.home_of(one.text) for one in chosen)
    reasoning = _reasoning(question, chosen, hits)
    return Answer(_cited(chosen) or nothing, reasoning, question, tuple(filter(None, used)), hits)


def _cited(chosen: Sequence[Candidate]) -> str:
    """The chosen sentences, those of one page together with its title."""
    parts = []
    for page, found in groupby(chosen, lambda one: one.page):
        text = " ".join(dict.fromkeys(one.text for one in found))
        parts.append(f"{text.rstrip('. ')} (see {page})." if page else text)
    return " ".join(parts)


def _as_json(schema: Schema, answer: Answer, reading: Reading, sources: Sources) -> Answer:
    """A value for a schema; each field is answered like a question of its own.

    Documents fill them only if they answer, or if neither prompt nor talk says anything.
    """
    question = reading.question if reading.asks or answer.used else ""
    schema = schema or {"properties": {"answer": {"type": "string"}}}
    said = "" if answer.text == NOTHING else answer.text
    told = [part.text for part in sources.given if part.text and not talks(part)]
    evidence = partial(sources.evidence, question, bool(answer.used or not (said or told)))
    try:
        value = Filler(schema, said, question, evidence, told).fill(schema)
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
        value = {}  # Not a schema after all.
    return replace(answer, text=json.dumps(value, ensure_ascii=False))


def _received(files: Sequence[str]) -> str:
    """What is said of the files that came along."""
    count = len(files)
    return f"I received {count} file{'s'[: count - 1]}: {', '.join(files)}. " if files else ""


def _worded(text: str, answer: str) -> str:
    """An answer as a prompt wants it: with its score or source, and a refusal in its own words."""
    found = answer != NOTHING
    if not found and (refusal := REFUSAL.search(text)):
        return refusal[refusal.lastindex or 0]
    source = "".join(re.findall(r"(?m)^Source: (.+)$", text.partition(answer)[2])[:1])
    forms = {
        r"\bYES ?(?:/|or) ?NO\b": ("NO", "YES")[found],
        r"(?m)^Score: (?:\[|<|$)": f"{answer}\nScore: {100 * found}",
        r'\("SOURCES"\)': f"{answer}\nSOURCES: {source}",
    }
    return next((worded for form, worded in forms.items() if re.search(form, text)), answer)


def _small_talk(question: str, said: Sequence[str]) -> str | None:
    if counted := COUNT.search(question):
        return " ".join(map(str, range(1, int(counted[1]) + 1)))
    if ASKED_BEFORE.search(question):
        wanted = said[-1:] if FIRST.search(question) else said[:1]
        return "".join(map("You said: {}".format, wanted)) or "You have not said anything before."
    for talk, reply in zip(map(pattern, SMALL_TALK), SMALL_TALK.values(), strict=True):
        found = talk.search(question)
        if found and len(terms(talk.sub("", question))) <= (0 if Sentence(question).asks else 4):
            return found.expand(reply)
    return None


def _best(ranked: list[Candidate]) -> list[Candidate]:
    """The best sentence and up to two that are nearly as good, one of them from elsewhere."""
    chosen = ranked[:1]
    for same, enough in ((True, 0.86), (False, 0.95))[: 1 + any(one.hit for one in chosen)]:
        near = (one for one in ranked if one.score >= enough * ranked[0].score)
        beside = (one for one in near if (one.hit == ranked[0].hit) is same)
        chosen += [one for one in beside if one.text != ranked[0].text][:1]
    return chosen


def _reasoning(question: str, chosen: Sequence[Candidate], hits: Sequence[Hit]) -> str:
    topic = ", ".join(topic_words(question)[:4]) or "something said before"
    pages = ", ".join(dict.fromkeys(hit.section.title for hit in hits[:3])) or "no page"
    told = "What I was told in the conversation"
    where = [f"{f'The page {one.page}' if one.page else told} answers it best." for one in chosen]
    best = [*where, "None of it answers the question."][0]
    return f"The question is about {topic}. The documents offer {pages}. {best}"
