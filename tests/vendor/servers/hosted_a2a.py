"""The A2A project's own server, around an agent that remembers, asks, fails and can be cancelled.

`python hosted_a2a.py SOCKET`
"""

import asyncio
import socket
import sys

import uvicorn
from a2a.helpers import new_task_from_user_message, new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, Message, Role
from starlette.applications import Starlette

SOCKET = socket.socket(fileno=int(sys.argv[1]))


def words(text: str) -> Message:
    return new_text_message(text, role=Role.ROLE_AGENT)


class HR(AgentExecutor):
    def __init__(self) -> None:
        self.heard: dict[str, list[str]] = {}
        self.cancelled = 0

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        asked, dialogue = context.get_user_input(), str(context.context_id)
        before = self.heard.setdefault(dialogue, [])
        before.append(asked)
        if asked == "Who is there?":
            alone = new_text_message(f"HR, {self.cancelled} cancelled.", context_id=dialogue)
            await event_queue.enqueue_event(alone)
            return
        task = context.current_task
        answers = task is not None
        if task is None:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        update = TaskUpdater(event_queue, task.id, dialogue)
        await update.start_work(words("Looking it up."))
        if asked.startswith("Fail"):
            await update.failed(words("The database is down."))
        elif asked.startswith("Book"):
            await update.requires_input(words("For 30 EUR?"))
        elif asked.startswith("Wait"):
            await asyncio.sleep(60)
        else:
            said = f"Booked: {asked}." if answers else " | ".join(before)
            await self.say(update, said.split(" "))

    async def say(self, update: TaskUpdater, parts: list[str]) -> None:
        for number, part in enumerate(parts):
            text = [new_text_part(f" {part}" if number else part)]
            await update.add_artifact(text, artifact_id="answer", append=number > 0)
        await update.add_artifact([new_text_part("(HR)")], artifact_id="signed")
        await update.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        self.cancelled += 1
        await TaskUpdater(event_queue, str(context.task_id), str(context.context_id)).cancel()


card = AgentCard(name="HR", version="1", capabilities=AgentCapabilities(streaming=True))
store = InMemoryTaskStore()
handler = DefaultRequestHandler(agent_executor=HR(), task_store=store, agent_card=card)
app = Starlette(routes=create_jsonrpc_routes(handler, "/"))
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[SOCKET])
