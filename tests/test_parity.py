"""The conformance kit, which services of others are tried with too, for each service of ours."""

from remote_agents.testing.suite.test_copies import *  # noqa: F403
from remote_agents.testing.suite.test_faults import *  # noqa: F403
from remote_agents.testing.suite.test_memory import *  # noqa: F403
from remote_agents.testing.suite.test_parameters import *  # noqa: F403
from remote_agents.testing.suite.test_parity import *  # noqa: F403
from remote_agents.testing.suite.test_secrets import *  # noqa: F403
from remote_agents.testing.suite.test_streaming import *  # noqa: F403
