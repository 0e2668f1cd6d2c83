"""A sandbox that many tests use, one after the other."""

from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.settings import settings_of_services


class Shared(Sandbox):
    """A sandbox without a rate limit, whose settings are put back for whoever comes next."""

    def __init__(self) -> None:
        super().__init__(rate_limit=None)
        self._changed = False

    def configure(self, **settings: object) -> None:
        super().configure(**settings)
        self._changed = True

    def as_new(self) -> "Shared":
        """Itself, with no fault, log, count or setting of another test; conversations stay."""
        self.reset()
        if self._changed:
            self.configure(word_delay=0.0, rate_limit=None, **settings_of_services())
            self._changed = False
        return self
