"""What `make demo` brings along: servers to collect from, with accounts that show what the pipeline finds."""
