"""Tencent's own agent server around a scripted model: `python cloudbase.py SOCKET SHAPE`.

Shapes: `remembers` (a checkpointer), `forgets` (none that lasts), `interrupts` (asks a person),
`static` (answers without a model, so in the snapshot alone).
"""

import socket
import sys
from typing import Any

import uvicorn
from cloudbase_agent.langgraph import LangGraphAgent
from cloudbase_agent.server import AgentServiceApp
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import interrupt
from scripted import Scripted, State, compiled

OPTIONS = ("search_enable", "files", "command")


async def chat(state: State, config: RunnableConfig) -> dict[str, Any]:
    if SHAPE == "static":
        return {"messages": [AIMessage(f"Answer {len(state['messages'])}.")]}
    if SHAPE == "interrupts":
        said = interrupt({"question": "May I delete the file?"})
        return {"messages": [AIMessage(f"You said {said!r}")]}
    given = config["configurable"]
    options = {name: given[name] for name in OPTIONS if name in given}
    tools = [t if isinstance(t, dict) else t.model_dump() for t in state.get("tools") or []]
    model = Scripted(tools=tools, options=options)
    return {"messages": [await model.ainvoke(state["messages"], config)]}


SOCKET, SHAPE = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
MODEL = SHAPE in ("remembers", "forgets")
KEPT = compiled(chat, searches=MODEL)


def create_agent() -> dict[str, Any]:
    graph = compiled(chat, searches=MODEL) if SHAPE == "forgets" else KEPT
    return {"agent": LangGraphAgent(name="hr", description="hr", graph=graph)}


app = AgentServiceApp().build(
    create_agent, base_path="/v1/aibot/bots/agent-hr", enable_openai_endpoint=True
)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[SOCKET])
