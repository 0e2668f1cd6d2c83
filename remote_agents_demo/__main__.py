"""`python -m remote_agents_demo`: see `show`."""

import os
import signal
import sys

if __name__ == "__main__":
    # Seconds of imports, in whose middle an interrupt would come out as some other error.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from remote_agents_demo.show import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
