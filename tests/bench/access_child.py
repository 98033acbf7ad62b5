"""Runs the `whalefall` command, and says on standard error what memory it took at its peak, in MiB."""

import sys

from tests.bench.child import read_peak_mib
from whalefall_pipeline.cli.main import main

if __name__ == "__main__":
    sys.argv = ["whalefall", *sys.argv[1:]]
    try:
        main()
    finally:
        sys.stderr.write(f"\n{read_peak_mib()}")
