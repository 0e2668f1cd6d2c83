"""The sandbox's CloudBase agent, native protocol."""

from remote_agents.sandbox.agent import Agent, one_of

AGENT = Agent(
    "bot-handbook",
    "sandbox-cloudbase-key",
    "CLOUDBASE",
    paths="/v1/(aibot|storages)/",
    chat="/send-message",
    settings={"cloudbase_lists": one_of("hosted", "template", "express")},
    extra={"ag_ui_agent_id": "agent-handbook", "approval_agent_id": "agent-approval"},
)
