"""The `whalefall` command."""
