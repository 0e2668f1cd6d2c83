"""Almost right streams: the text is whole, or an error is raised; never less in silence."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from tests.fuzz.almost_right import MUTATIONS, READABLE, almost_right, judge
from tests.fuzz.right_streams import Almost, right

pytestmark = pytest.mark.filterwarnings("ignore::remote_agents.EmptyAnswerWarning")


@pytest.mark.fuzz
@given(st.randoms(use_true_random=False))
def test_no_text_is_lost_in_silence(rng: random.Random) -> None:
    judge(almost_right(rng), rng)


@pytest.mark.parametrize("mutate", dict.fromkeys(MUTATIONS), ids=lambda mutate: mutate.__name__)
def test_each_mutation(mutate: Callable[[Almost, random.Random], Almost]) -> None:
    outcomes, name = set(), mutate.__name__
    for seed in range(300):
        rng = random.Random(seed)
        outcomes.add(judge(replace(mutate(right(rng), rng), mutation=name), rng))
    assert ("error" in outcomes) == (name not in READABLE)
    assert ("whole" in outcomes) == (name not in ("plain_text", "other_shape"))
