"""Changes core in small ways, one at a time, and counts which of them a test of core notices."""
