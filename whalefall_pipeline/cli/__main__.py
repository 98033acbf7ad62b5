"""`python -m whalefall_pipeline.cli` is the `whalefall` command."""

from whalefall_pipeline.cli.main import main

main()
