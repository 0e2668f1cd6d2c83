"""How dialogues should stand in a database that others write to as well: a guess, never a lock.

Who wrote last knows how a dialogue stands, unless another process has written since. So the next
turn is planned without reading, and the statement that takes its conversation finds out whether
the guess was right.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from remote_agents.memory.history_matching import Conversation

MOST = 1000  # dialogues
REST = 8  # guesses that are not made after a wrong one: others ask in these dialogues too


class Guesses:
    """What this process read or wrote last of the latest dialogues; no text."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Sequence[Conversation]] = OrderedDict()
        self._beside: dict[str, Sequence[Conversation]] = {}  # by holder, while he holds his own
        self._rest = 0
        self._lock = threading.RLock()  # a garbage collection inside may end another turn

    def of(self, dialogue: str) -> Sequence[Conversation] | None:
        """Its conversations, the latest used first; None without a guess."""
        known = self._known.get(dialogue)
        if known is None or self._rest <= 0:  # threads may count at once
            return known
        self._rest -= 1
        return None

    def learn(self, dialogue: str, known: Sequence[Conversation]) -> None:
        """What stands there; nothing is guessed while a turn is under way, or nobody knows."""
        with self._lock:
            if any(each.busy_since is not None or each.lapsed for each in known):
                self._known.pop(dialogue, None)
                return
            self._known[dialogue] = known
            self._known.move_to_end(dialogue)
            if len(self._known) > MOST:
                self._known.popitem(last=False)

    def begin(self, dialogue: str, holder: str, taken: Conversation | None) -> None:
        """A turn of it is under way."""
        name = taken.conversation_id if taken else ""
        with self._lock:
            known = self._known.pop(dialogue, None)
            if known is not None:
                self._beside[holder] = [each for each in known if each.conversation_id != name]

    def end(self, dialogue: str, holder: str, saved: Conversation | None) -> int | None:
        """The turn has ended, and was saved or not; how many stand there now, if that is known."""
        with self._lock:
            beside = self._beside.pop(holder, None)
            if saved is None or beside is None:
                self._known.pop(dialogue, None)
                return None
            name = saved.conversation_id
            known = [saved, *(each for each in beside if each.conversation_id != name)]
            self.learn(dialogue, known)
            return len(known)

    def forget(self, dialogue: str) -> None:
        """It is not known any more how the dialogue stands."""
        with self._lock:
            self._known.pop(dialogue, None)

    def was_wrong(self, dialogue: str) -> None:
        """Somebody else has written there."""
        with self._lock:
            self._known.pop(dialogue, None)
            self._rest = REST
