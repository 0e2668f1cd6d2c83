"""Many questions, each asked once: `ask_many` and what it runs on."""

from remote_agents.bulk.run import Asker as Asker, Question as Question, ask_many as ask_many
