"""The tests, by subject; the servers that they start are in `tests.servers`."""
