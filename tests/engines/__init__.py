"""One body of tests that every engine passes on a real server, and what an engine brings to it."""
