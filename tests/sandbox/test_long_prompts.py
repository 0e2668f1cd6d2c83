import asyncio
from threading import Event

from remote_agents.sandbox.mind import words
from remote_agents.sandbox.mind.answers import Answer, Ask, Brain
from remote_agents.sandbox.service import LONG, Service, Settings
from remote_agents.sandbox.serving.state import Store
from tests.sandbox.calls import user


class Waiting(Brain):
    """One that answers only after somebody else was served."""

    def __init__(self, brain: Brain) -> None:
        super().__init__(brain.knowledge)
        self.served = Event()

    def answer(self, ask: Ask) -> Answer:
        assert self.served.wait(20)
        return super().answer(ask)


async def test_nobody_waits_for_the_answer_to_a_long_prompt(handbook: Brain) -> None:
    brain = Waiting(handbook)
    box = Service("http://localhost", Store(":memory:"), brain, Settings(), None)
    ask = Ask([user("How many vacation days do I get?\n\n" + "word " * (LONG // 5))])
    turn = asyncio.create_task(box.begin("bluenexus", "agent-3f9c21", ask, stream=False))
    await asyncio.sleep(0.05)
    assert len(box.log.turns()) == 1
    brain.served.set()
    assert await (await turn).complete()


def test_what_a_long_prompt_says_is_not_kept() -> None:
    kept = words._resemblance.cache_info().currsize
    assert words.kinship("harbour", tuple(f"word{n}" for n in range(1_000))) == 0
    assert words._resemblance.cache_info().currsize == kept
