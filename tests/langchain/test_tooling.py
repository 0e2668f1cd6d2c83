"""What LangChain's own tooling makes of our errors and switches."""

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware
from langchain_core.globals import set_verbose

from remote_agents import RateLimitError, ServerError
from remote_agents.sandbox import Sandbox
from tests.langchain.services import chat, every_service


def posts(sandbox: Sandbox, service: str) -> int:
    return len([r for r in sandbox.requests(service) if r["method"] == "POST"])


@every_service
@pytest.mark.parametrize(
    ("fault", "expected", "turns"),
    [
        ({"status": 500}, ServerError, 1),
        ({"status": 429, "retry_after": 0}, RateLimitError, 2),
    ],
    ids=["what may have run", "what did not run"],
)
async def test_the_retry_middleware_repeats_only_what_did_not_run(
    sandbox: Sandbox, service: str, fault: dict[str, float], expected: type[Exception], turns: int
) -> None:
    sandbox.fail_next(endpoint=service, **fault)  # type: ignore[arg-type]
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0.01, on_failure="error")
    agent = create_agent(chat(sandbox, service, max_retries=0), tools=[], middleware=[retry])
    question = {"messages": [("user", "How many vacation days do I get?")]}
    if turns == 1:
        with pytest.raises(expected):
            await agent.ainvoke(question)
    else:
        answer = await agent.ainvoke(question)
        assert "25 vacation days" in answer["messages"][-1].text
    assert posts(sandbox, service) == turns


@every_service
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_verbose_shows_no_key(
    sandbox: Sandbox, service: str, streamed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    model = chat(sandbox, service, verbose=True)
    set_verbose(True)
    try:
        for _ in model.stream("Hello") if streamed else [model.invoke("Hello")]:
            pass
    finally:
        set_verbose(False)
    printed = capsys.readouterr()
    assert sandbox.agents[service]["api_key"] not in printed.out + printed.err
