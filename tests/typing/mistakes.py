"""Slips that mypy and pyright must find: an `ignore` that covers no error is an error itself."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

import remote_agents
from langchain_agents import BlueNexusLLM, ChatBlueNexus, ChatCloudBase, ChatMaiAgent, ChatPrivateAI
from llamaindex_agents import CloudBase, PrivateAI

remote_agents.MaiAgent(apikey="k")  # type: ignore[call-arg]
remote_agents.MaiAgent().ask("Hi", sesion_id="u")  # type: ignore[call-arg]
remote_agents.BlueNexus().stream("Hi", sesion_id="u")  # type: ignore[call-arg]
remote_agents.CloudBase(dialect="x")  # type: ignore[arg-type]
remote_agents.PrivateAI(max_retries="two")  # type: ignore[arg-type]
ChatBlueNexus(agent="x")  # type: ignore[call-arg]
ChatBlueNexus(memory="both")  # type: ignore[arg-type]
ChatCloudBase(region="de")  # type: ignore[arg-type]
ChatMaiAgent(top_p=0.3)  # type: ignore[call-arg]
ChatPrivateAI(route="nope")  # type: ignore[arg-type]
BlueNexusLLM(apikey="k")  # type: ignore[call-arg]
CloudBase(region="de")  # type: ignore[arg-type]
PrivateAI(agent="x")  # type: ignore[call-arg]
