"""The public names as a typed program sees them. Checked by mypy, not meant to be executed."""

from contextlib import aclosing, closing

from langchain_core.messages import AIMessage

from langchain_agents import (
    AgentRetriever as DocumentRetriever,
    ChatBlueNexus,
    ChatCloudBase,
    ChatMaiAgent,
    PrivateAILLM,
    agent_tool,
)
from llamaindex_agents import AgentQueryEngine, BlueNexus, MaiAgent
from remote_agents import (
    AgentError,
    BlueNexus as Client,
    Reply,
    Timeout,
    cached_key,
    display_stream,
)
from remote_agents.sandbox import Sandbox

client = Client(api_key="key", timeout=Timeout(idle=30))
reply: Reply = client.ask("Hi", session_id="u1")
answer: AIMessage = ChatBlueNexus(temperature=0.2).invoke("Hi")
tool = agent_tool(ChatBlueNexus(), name="ask", description="Ask the agent.")
documents = DocumentRetriever(model=ChatBlueNexus()).invoke("Hi")
questions = ChatCloudBase().client.recommend_questions("Hi")
chatbot: str = ChatMaiAgent().client.chatbots.get().name
found: str = MaiAgent().client.knowledge_bases.list().__next__().id
session: str = PrivateAILLM().client.agents.get().name
engine: AgentQueryEngine = BlueNexus().for_session("u1").as_query_engine()

keyed = [ChatBlueNexus(api_key="a-secret"), ChatBlueNexus(api_key=cached_key(lambda: "a-token"))]
shown: str = display_stream(keyed[0].stream("Hi")).text
drawn: list[object] = [display_stream(reply), display_stream(engine.query("Hi"))]
with closing(client.stream("Hi")) as events, closing(BlueNexus().stream_complete("Hi")) as pieces:
    first: list[object] = [next(events), next(pieces).delta]
with closing(keyed[0].stream("Hi")) as chunks, closing(PrivateAILLM().stream("Hi")) as texts:
    read: list[str] = [str(next(chunks).text), next(texts)]
with Sandbox() as box:
    local: list[object] = [
        ChatBlueNexus(**box.kwargs("bluenexus")).invoke("Hi", session_id="u1", timeout=3),
        BlueNexus(**box.kwargs("bluenexus")).complete("Hi", session_id="u1"),
        Client(**box.kwargs("bluenexus")).ask("Hi", session_id="u1", headers={"X-Trace": "1"}),
    ]


async def ask() -> str:
    try:
        return (await client.aask("Hi")).text
    except AgentError as error:
        return error.partial


async def first_event() -> object:
    async with aclosing(client.astream("Hi")) as events, aclosing(keyed[0].astream("Hi")) as chunks:
        return [await events.__anext__(), (await chunks.__anext__()).text]
