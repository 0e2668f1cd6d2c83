"""`python -m remote_agents_demo`: see `show`."""

import os
import signal
import sys

if __name__ == "__main__":
    # At once: in the middle of an import or of a destructor an interrupt would come out as some
    # other error, or as a traceback. The sandbox ends when this process does.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from remote_agents.cli.output import watched_output
    from remote_agents_demo.show import main

    with watched_output():
        sys.exit(main())
