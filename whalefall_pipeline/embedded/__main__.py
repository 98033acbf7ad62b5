"""The guard, run as `python -m whalefall_pipeline.embedded FOLDER LOCK_FD REPORT_FD` by a server's first user."""

import os
import sys
from pathlib import Path

from whalefall_pipeline.embedded.guard import main

if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # the first user is not the parent of the guard, and need not wait for it
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
