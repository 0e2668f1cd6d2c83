"""From a question to an answer, without a model: the sentences that fit best, and where from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from remote_agents.sandbox.mind.choosing import choose
from remote_agents.sandbox.mind.knowledge import (
    Hit,
    Knowledge,
    Section,
    sentences,
    terms,
    topic_words,
)
from remote_agents.sandbox.mind.reading import (
    Sentence,
    is_instruction,
    read,
    told_by,
    wants_standalone,
)
from remote_agents.sandbox.mind.schema import Filler, find_schema

ENOUGH = 0.34
FOLLOW_UP = re.compile(
    r"^(?:and|but|so|also|then|or|ok(?:ay)?|what about|how about|what if|why|same)\b"
    r"|\b(?:it|they|them|those|that|these|this|ones?|there|he|she)\b",
    re.IGNORECASE,
)
MINE = re.compile(r"\b(?:my|mine|i|me|our|we)\b", re.IGNORECASE)
AMOUNT = re.compile(
    r"\b(?:how (?:many|much|long|often|far|late|early)|when|what (?:time|number))\b", re.IGNORECASE
)
HELLO = re.compile(
    r"^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening|day)|howdy|ping)\b.{0,40}$",
    re.IGNORECASE | re.DOTALL,
)
JOKE = re.compile(r"\b(?:a joke|something funny)\b", re.IGNORECASE)
THANKS = re.compile(r"^\W*(?:thanks|thank you|bye|goodbye)\b", re.IGNORECASE)
ASKED_BEFORE = re.compile(r"\bwhat did i (?:just |first )?(?:ask|say|write|tell)", re.IGNORECASE)
COUNT = re.compile(r"\bcount (?:from 1 )?to (\d{1,6})\b", re.IGNORECASE)
ECHO = re.compile(r"^\s*(?:say|repeat(?: after me)?)\s*:\s*(.+)$", re.IGNORECASE | re.DOTALL)
STATED = re.compile(r"^\W*(?:please )?(?:my|i|i'm|we|remember|note|call me)\b", re.IGNORECASE)
NAMED_KEYS = re.compile(r"['\"`](\w+)['\"`](?=[^.]*\bkeys?\b)")
NOTHING = "I could not find anything about that in my documents."


@dataclass(frozen=True)
class Ask:
    """A request for an answer.

    Args:
        messages: the messages of the request, each with role and content, oldest first.
        stored: the messages that the server already held.
        files: names of attached files and images.
        schema: the JSON schema the answer has to obey; an empty one means any JSON object.
        limit: the most words to say.
        stop: texts at which to stop.
    """

    messages: list[dict[str, Any]]
    stored: list[dict[str, Any]] = field(default_factory=list)
    files: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
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
    used: tuple[Hit, ...] = ()
    found: tuple[Hit, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A sentence that may be the answer."""

    text: str
    score: float
    hit: Hit | None = None


class Brain:
    """Answers from documents, from context in the prompt, and from what was said before.

    Args:
        knowledge: the documents.
        use_context: whether sentences in the prompt may be the answer.
    """

    def __init__(self, knowledge: Knowledge, *, use_context: bool = True) -> None:
        self.knowledge, self.use_context = knowledge, use_context

    def answer(self, ask: Ask) -> Answer:
        """Answer a question, as prose or as JSON."""
        dialogue = ask.dialogue
        last = max((i for i, (role, _) in enumerate(dialogue) if role == "user"), default=-1)
        text = dialogue[last][1] if dialogue else ""
        systems = [said for role, said in dialogue if role == "system"]
        schema, text, systems = _schema_in(ask.schema, text, systems)
        choice = choose(text, self.knowledge.weight) if schema is None else None
        if choice is not None:
            return Answer(choice, "The message asks to choose among what it offers.")
        before = [turn for turn in dialogue[: max(last, 0)] if turn[0] != "system"]
        answer = self._prose(text, systems, before)
        if schema is not None:
            return self._as_json(answer, schema, text)
        return _with_files(answer, ask.files)

    def _prose(self, text: str, systems: list[str], before: list[tuple[str, str]]) -> Answer:
        reading = read(text)
        history = [*before, *reading.turns]
        if wants_standalone([text, *systems]):
            return Answer(_standalone(reading.question, history))
        chat = _small_talk(text, reading.question, history)
        if chat is not None:
            return Answer(chat)
        context = [pair for pair in reading.context if pair[0] not in reading.question]
        context += [pair for system in systems for pair in told_by(system)]
        return self._look_up(reading.question, context, history)

    def _look_up(
        self, question: str, context: list[Sentence], history: list[tuple[str, str]]
    ) -> Answer:
        query = self._query(question, history)
        hits = self.knowledge.search(tuple(query))
        from_hits = self._ranked(query, question, _sentences_of(hits))
        from_context = self._ranked(query, question, [(*p, None) for p in context])
        from_memory = self._ranked(query, question, [(*p, None) for p in _remembered(history)])
        if not self.use_context:
            from_context = []
        chosen = _choose(question, from_context, from_memory, from_hits)
        reasoning = _reasoning(question, chosen, hits)
        if not chosen:
            return Answer(_noted(question) or NOTHING, reasoning, question, (), tuple(hits))
        used = tuple(dict.fromkeys(h for c in chosen if (h := self._source(c)) is not None))
        return Answer(_compose(chosen), reasoning, question, used, tuple(hits))

    def _query(self, question: str, history: list[tuple[str, str]]) -> dict[str, float]:
        """The terms of a question with their weights; a follow-up inherits its topic."""
        weights = {term: self.knowledge.weight(term) for term in terms(question)}
        share = 0.6
        for earlier in reversed([read(text).question for role, text in history if role == "user"]):
            if not _follows(question) or share < 0.2:
                break
            for term in terms(earlier):
                weights.setdefault(term, share * self.knowledge.weight(term))
            question, share = earlier, share / 2
        return weights

    def _ranked(
        self,
        query: dict[str, float],
        question: str,
        found: Iterable[tuple[str, str, Hit | None]],
    ) -> list[Candidate]:
        """Candidates by how much of the question's weight their words cover, best first."""
        total = sum(query.values()) or 1.0
        amount = bool(AMOUNT.search(question))
        ranked = []
        for text, heading, hit in found:
            own = set(terms(text))
            above = hit.section.topics if hit else frozenset(terms(heading))
            covered = sum(query[term] for term in own & query.keys())
            covered += 0.7 * sum(query[term] for term in (above - own) & query.keys())
            if covered:
                bonus = 0.08 * (amount and any(c.isdigit() for c in text)) - 0.002 * len(own)
                bonus += 0.1 * hit.score if hit else 0.0
                ranked.append(Candidate(text, covered / total + bonus, hit))
        return sorted(ranked, key=lambda candidate: -candidate.score)

    def _source(self, candidate: Candidate) -> Hit | None:
        """The section to cite: where a sentence was found, or was copied from by a retriever."""
        if candidate.hit is not None:
            return candidate.hit
        section = self.knowledge.home_of(candidate.text)
        return None if section is None else Hit(section, round(min(candidate.score, 1.0), 4))

    def _as_json(self, answer: Answer, schema: dict[str, Any], text: str) -> Answer:
        reading = read(text)
        told = " ".join(sentence for sentence, _ in reading.context)
        said = told if answer.text == NOTHING and told else answer.text
        names = NAMED_KEYS.findall(text) or ["answer"]
        schema = schema or {"properties": {name: {"type": "string"} for name in names}}
        filler = Filler(schema, said, reading.question, f"{told} {text}")
        try:
            value = filler.fill()
        except (TypeError, ValueError, LookupError, AttributeError):
            value = {}  # Not a schema after all.
        return Answer(
            json.dumps(value, ensure_ascii=False),
            answer.reasoning,
            answer.query,
            answer.used,
            answer.found,
        )


def _schema_in(
    given: dict[str, Any] | None, text: str, systems: list[str]
) -> tuple[dict[str, Any] | None, str, list[str]]:
    """The schema that a request or its texts ask for, and the texts without it."""
    found = find_schema(text)
    if found is not None:
        return (given or found[0]), found[1], systems
    for index, system in enumerate(systems):
        found = find_schema(system)
        if found is not None:
            return (given or found[0]), text, [*systems[:index], found[1], *systems[index + 1 :]]
    return given, text, systems


def _follows(question: str) -> bool:
    return bool(FOLLOW_UP.search(question.strip())) or len(terms(question)) <= 1


def _standalone(question: str, history: list[tuple[str, str]]) -> str:
    """The follow-up with the question that it follows."""
    earlier = [read(text).question for role, text in history if role == "user"]
    if not earlier or not _follows(question):
        return question
    return f"{earlier[-1].rstrip('?. ')}, {question[:1].lower()}{question[1:]}"


def _small_talk(text: str, question: str, history: list[tuple[str, str]]) -> str | None:
    if counted := COUNT.search(question):
        return " ".join(str(number) for number in range(1, int(counted.group(1)) + 1))
    if echoed := ECHO.match(text):
        return echoed.group(1).strip()
    if ASKED_BEFORE.search(question):
        said = [words for role, words in history if role == "user"]
        return f"You said: {said[-1]}" if said else "You have not said anything before."
    if JOKE.search(question):
        return "Why did the harbor never get lost? Because it always knew its docks by heart."
    if HELLO.match(text):
        return "Hello! Ask me anything about the handbook, and I will look it up for you."
    if THANKS.match(text):
        return "You are welcome! I am here if you need anything else from the handbook."
    return None


def _noted(question: str) -> str | None:
    """A statement is remembered, not looked up."""
    if "?" in question or not STATED.match(question):
        return None
    return f"Noted, I will remember that. You said: {question}"


def _remembered(history: list[tuple[str, str]]) -> list[Sentence]:
    """What the user stated earlier; the newest first."""
    told = [told_by(text) for role, text in reversed(history) if role == "user"]
    return [pair for pairs in told for pair in pairs if not pair[0].endswith("?")]


def _sentences_of(hits: list[Hit]) -> list[tuple[str, str, Hit | None]]:
    return [
        (text, heading, hit)
        for hit in hits
        for text, heading in sentences(hit.section.text)
        if not is_instruction(text)
    ]


def _choose(
    question: str, context: list[Candidate], memory: list[Candidate], docs: list[Candidate]
) -> list[Candidate]:
    """The sentences to answer with: what was told beats the prompt's context beats documents."""
    told, given, known = (group[0].score if group else 0.0 for group in (memory, context, docs))
    personal = 0.15 if MINE.search(question) else 0.0
    if told >= 0.5 and told + personal >= max(given, known):
        return memory[:1]
    if given >= ENOUGH and given >= 0.8 * known:
        return _best(context)
    if known >= ENOUGH:
        return _best(docs)
    return _best(context) if given >= 0.2 else []


def _best(ranked: list[Candidate]) -> list[Candidate]:
    """The best sentence and up to two that are nearly as good."""
    best, *others = ranked[:12]
    if best.score < 0.6:
        return [best]
    others = [other for other in others if other.text != best.text]
    beside = [o for o in others if o.hit == best.hit and o.score >= 0.85 * best.score]
    beyond = [o for o in others if o.hit != best.hit and o.score >= 0.95 * best.score]
    return [best, *beside[:1], *beyond[:1]]


def _compose(chosen: list[Candidate]) -> str:
    pages: dict[str, list[str]] = {}
    for candidate in chosen:
        title = candidate.hit.section.title if candidate.hit else ""
        pages.setdefault(title, []).append(candidate.text)
    return " ".join(_cited(" ".join(texts), title) for title, texts in pages.items())


def _cited(text: str, title: str) -> str:
    return f"{text.rstrip('. ')} (see {title})." if title else text


def _reasoning(question: str, chosen: list[Candidate], hits: list[Hit]) -> str:
    topic = ", ".join(topic_words(question)[:4]) or "something said before"
    pages = ", ".join(dict.fromkeys(hit.section.title for hit in hits[:3])) or "no page"
    if not chosen:
        verdict = "None of it answers the question."
    elif chosen[0].hit is None:
        verdict = "What I was told in the conversation answers it best."
    else:
        verdict = f"The page {chosen[0].hit.section.title} answers it best."
    return f"The question is about {topic}. The documents offer {pages}. {verdict}"


def _with_files(answer: Answer, files: tuple[str, ...]) -> Answer:
    if not files:
        return answer
    noun = "file" if len(files) == 1 else "files"
    text = f"I received {len(files)} {noun}: {', '.join(files)}. {answer.text}"
    return Answer(text, answer.reasoning, answer.query, answer.used, answer.found)


def citation(hit: Hit, base_url: str) -> dict[str, Any]:
    """A used section as the services store it with a message."""
    section: Section = hit.section
    return {
        "id": section.id,
        "title": section.title,
        "filename": section.filename,
        "url": f"{base_url}{section.path}",
        "text": section.text,
        "score": hit.score,
    }
