"""What a session store does, whoever keeps it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from remote_agents.memory.turnstile import Turnstile
from remote_agents.workers import workers

if TYPE_CHECKING:
    from remote_agents.memory.history_matching import Conversation


T = TypeVar("T")


class SessionStore(ABC):
    """Remembers the conversations of dialogues, and which of their turns are under way.

    A store that processes share must make `begin` and `finish` atomic, and free what a dead process
    held after a while. `blocks` says that its calls are to be kept off an event loop; `timely`,
    that what is called by `call_within` ends in time by itself.
    """

    blocks = False
    timely = False

    def __init__(self) -> None:
        self.turnstile = Turnstile()

    def __deepcopy__(self, memo: object) -> SessionStore:
        return self  # copies of a model share their sessions

    def secret(self) -> bytes | None:
        """What marks are sealed with, if the store keeps something for that."""
        return None

    def call_within(self, seconds: float, word: Callable[[], T]) -> T:
        """Call one or several of its methods, which should end in so many seconds.

        Raises:
            DeadlineReached: They did not, and the store is `timely`.
        """
        return word()

    @abstractmethod
    def read(self, dialogue: str) -> list[Conversation]:
        """What is known of a dialogue, the latest used first.

        A conversation that is just begun has no id yet.
        """

    def guess(self, dialogue: str) -> Sequence[Conversation] | None:
        """How a dialogue should stand by what is at hand, the latest used first.

        Returns:
            None where that is not known, so that it must be read; else what `begin` may be given
            as `known`, which finds out whether it is true.
        """
        return None

    @abstractmethod
    def begin(
        self,
        dialogue: str,
        holder: str,
        conversation: Conversation | None,
        *,
        alone: bool = False,
        known: Sequence[Conversation] | None = None,
    ) -> bool:
        """Take a conversation for one turn, or with None a new one.

        Args:
            dialogue: The key of the dialogue.
            holder: Who takes it.
            conversation: The conversation, as it was read.
            alone: Whether a new one waits for its turn: of such ones, one is under way.
            known: Where the dialogue was not read, what `guess` gave.

        Returns:
            False if a turn of it is under way, or if it has moved on since it was read; where it
            was not read, if anything has changed in the dialogue.
        """

    @abstractmethod
    def finish(self, dialogue: str, holder: str, conversation: Conversation | None) -> bool:
        """Give back what was taken, and save how it stands now; None leaves no trace of the turn.

        Returns:
            False, saving nothing, if it is not held any more.
        """

    @abstractmethod
    def delete(self, dialogue: str) -> list[str]:
        """Forget a dialogue; the ids of its conversations. A turn that runs brings none back."""

    @abstractmethod
    def purge(self, older_than: float) -> int:
        """Forget every conversation not used for `older_than` seconds; how many there were."""

    async def apurge(self, older_than: float) -> int:
        """The same as `purge`, with asyncio: what blocks does so in a thread."""
        if not self.blocks:
            return self.purge(older_than)
        return await workers.acall(partial(self.purge, older_than), None)
