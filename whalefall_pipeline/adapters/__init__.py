"""One folder per engine: all in which engines differ, and nothing else."""
