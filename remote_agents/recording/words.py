"""The words of the protocols, which a recording keeps: those that a service's own code knows.

What stands in the source of a client is public: its paths, the names of fields, the types of
frames. Some hundred words that any API may use are added, so that what is new in a service's
answers is seen. All else that goes over the wire is taken for somebody's own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from remote_agents.service import Endpoint

COMMON = frozenset(
    """
    a accept access account action active activity additional after agent agents allowed an and
    answer answers any api app application args arguments array as assistant at attachment
    attachments attempt audio auth author authorization available back base batch bearer before
    begin begun block blocks body bot bots by bytes cache cached call calls cancel cancelled
    card categories category chain channel chars chart chat chatbot chunk chunks citation
    citations client code collection column command comment completed completion completions
    component config consumed contact contacts content contents context continue control
    conversation conversations cookie cost count create created credit credits current custom
    data database date deleted delta deltas description detail details dialog dialogue
    dictionary disabled display distance document documents domain done duration edge email
    embedding empty enabled encoding end ended endpoint ends engine environment error errors
    event events exceeded exception execute executed execution expired expires extra fail failed
    failure feedback field fields file filename files filter final finish finished first flag
    float follow for format forwarded found fragment from function functions gateway generate
    generated generation get group groups guard handler has hash header headers health height
    hidden history hits host html http https human id ids image images in inbox index indexes
    info initial input inputs instance instruction instructions integer internal interrupt
    interrupted interrupts invalid invoke is item items job join json key keys keyword kind
    knowledge kwargs label language last latency left length level like limit limits line lines
    link list llm loc locale location log logs map markdown match max maximum me media member
    memories memory message messages meta metadata method middle min minimum missing mode model
    models modified ms msg name names network new next no node nodes none not null number object
    objects of offset on open operation option options or order org organization origin outcome
    output outputs owner page pages parallel param parameters params parent part partial parts
    passage passages path payload pending permission person phase pipeline plan plugin plugins
    policy position post preview previous private problem process processed processing profile
    progress project prompt prompts properties property protocol provider providers public query
    question questions queue rank rate ratio raw read reason reasoning received recommend record
    records ref reference references refusal region rejected relevance remaining remote removed
    reply request requests required requires reset resource resources response responses result
    results resume retrieval retrieved retry return returned returns role root route row rows
    run running runs same sample schema scope score scores search searches second seconds
    section security seed segment segments select send sender sent sequence server service
    session sessions set setting settings shared similarity size slot snapshot source sources
    span start started starts state status step steps stop stopped store stored stream streaming
    string strings style sub subject subtype success suggested suggestion suggestions summary
    supported system table tag tags target task tasks team template tenant text texts thinking
    thought thoughts thread threads time timeout timestamp title to token tokens tool tools top
    topic total trace translation true try turn turns type types unit unknown unread update
    updated updates upload uploaded uploads url urls usage use used user username users utc uuid
    v valid validation value values variable variables vector verified version video view
    visible voice warning warnings web webhook website weight width word words work worker
    workflow workspace write written x xml zone
    """.split()  # noqa: SIM905 - a list of four hundred quoted words is no easier to read
)
# Values of these say of what kind something is; under all other keys a value is somebody's own.
KINDS = frozenset(
    {"code", "event", "format", "kind", "method", "mode", "object", "outcome", "phase"}
    | {"reason", "role", "state", "status", "stage", "type"}
)
TEXTS = frozenset(
    {"answer", "args", "arguments", "chunk", "content", "delta", "description", "input", "message"}
    | {"msg", "output", "prompt", "query", "question", "quote", "reasoning", "summary", "text"}
    | {"thinking", "title"}
)
PERSONS = frozenset(
    {"author", "contact", "customer", "email", "host", "key", "mail", "name", "owner", "phone"}
    | {"secret", "sender", "tenant", "token", "user", "username"}
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words_in(name: str) -> list[str]:
    """The words of a name in any spelling, in small letters.

    Example:
        >>> words_in("X-Request-Id"), words_in("TEXT_MESSAGE"), words_in("threadId")
        (['x', 'request', 'id'], ['text', 'message'], ['thread', 'id'])
    """
    return [word.lower() for word in _WORD.findall(name)]


def is_text(key: str) -> bool:
    """Whether the values of a field are texts, by its name; so are those without one."""
    words = words_in(key)
    return not key or (bool(words) and words[-1] in TEXTS)


def is_personal(key: str) -> bool:
    """Whether the values of a field are of a person or a secret, by its name."""
    return words_in(key)[-1:] != [] and words_in(key)[-1] in PERSONS


class Vocabulary:
    """What is kept of names and of kinds.

    Args:
        words: The words that are known.
        constants: The values that are known.
    """

    def __init__(self, words: frozenset[str], constants: frozenset[str] = frozenset()) -> None:
        self._words = words
        self._constants = constants

    def knows(self, name: str) -> bool:
        """Whether a name says nothing but known words."""
        if name in self._constants or not _NAME.fullmatch(name):
            return name in self._constants
        words = words_in(name)
        letters = sum(len(word) == 1 for word in words)
        return letters < 2 and all(word in self._words for word in words)

    def keeps(self, key: str, value: str) -> bool:
        """Whether the value of a key is a word of the protocol."""
        if not value:
            return True
        words = words_in(key)
        if words[-1:] == ["version"]:
            return _VERSION.fullmatch(value) is not None
        if value in self._constants and not is_text(key):
            return True
        return bool(words) and words[-1] in KINDS and self.knows(value)


# With one digit behind a word: v1, utf8, step2.
_NAME = re.compile(r"[$_]?[A-Za-z](?:[A-Za-z_.:/-]|(?<=[A-Za-z])\d(?![A-Za-z\d])){0,63}")
_VERSION = re.compile(r"v?\d{1,2}(?:\.\d{1,2}){0,2}")


@lru_cache(maxsize=64)
def vocabulary(endpoint: Endpoint | None) -> Vocabulary:
    """The words of a service's protocol; those of any API where the service is not known."""
    if endpoint is None:
        return Vocabulary(COMMON)
    modules = (endpoint.turn.__module__, "remote_agents.wire.sse", "remote_agents.resources.items")
    sources = [path for module in modules for path in _sources(module)]
    names = frozenset(name for path in sources for name in _names_of(path.read_text("utf-8")))
    words = (word for name in names for word in words_in(name))
    return Vocabulary(COMMON.union(words), names)


def _sources(module: str) -> list[Path]:
    """The files of a module, or of the package that it is in."""
    spec = find_spec(module.rpartition(".")[0] or module)
    if spec is None or spec.origin is None:
        return []
    path = Path(spec.origin)
    return sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]


def _names_of(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value
        elif isinstance(node, ast.keyword):
            name = node.arg or ""
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        else:
            continue
        if not re.search(r"\s", name):  # what is said to people is no word of a protocol
            yield name
