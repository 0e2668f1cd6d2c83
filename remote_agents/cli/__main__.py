"""`python -m remote_agents.cli`, for where the command itself is not on the path."""

import sys

from remote_agents.cli import main

sys.exit(main())
