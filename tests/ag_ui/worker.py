"""One process of an agent with a tool: it opens the checkpoints, takes some steps and ends.

Arguments: class, its arguments as JSON, database, `stream` or `invoke`, and questions; an empty one
goes on from where the process before it stopped, before the tool ran. What the thread holds is
printed as JSON.
"""

import json
import sys
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver

import langchain_agents

CONFIG: Any = {"configurable": {"thread_id": "shared"}}


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def main(kind: str, arguments: str, database: str, way: str, *questions: str) -> None:
    model = getattr(langchain_agents, kind)(**json.loads(arguments))
    chunks: list[str] = []
    with SqliteSaver.from_conn_string(database) as saver:
        agent: Any = create_agent(
            model, [get_weather], checkpointer=saver, interrupt_before=["tools"]
        )
        for question in questions:
            asked = {"messages": [HumanMessage(question)]} if question else None
            if way == "stream":
                streamed = agent.stream(asked, CONFIG, stream_mode="messages")
                chunks = [message.text for message, _ in streamed]
            else:
                agent.invoke(asked, CONFIG)
        messages = agent.get_state(CONFIG).values["messages"]
    held = [[message.type, message.text] for message in messages]
    threads = [message.response_metadata.get("conversation_id") for message in messages]
    sys.stdout.write(json.dumps({"held": held, "threads": threads, "chunks": chunks}))


if __name__ == "__main__":
    main(*sys.argv[1:])
