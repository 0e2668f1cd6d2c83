"""Many questions, each asked once: `ask_many` and what it runs on."""

from remote_agents.bulk.questions import Question as Question
from remote_agents.bulk.run import Asker as Asker, ask_many as ask_many
