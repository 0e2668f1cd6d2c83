"""The conformance kit, which services of others are tried with too, for each service of ours."""

# ruff: noqa: F403 - pytest finds the tests of each suite here by their names

from remote_agents.testing.suite.test_copies import *
from remote_agents.testing.suite.test_faults import *
from remote_agents.testing.suite.test_memory import *
from remote_agents.testing.suite.test_parameters import *
from remote_agents.testing.suite.test_parity import *
from remote_agents.testing.suite.test_secrets import *
from remote_agents.testing.suite.test_streaming import *
