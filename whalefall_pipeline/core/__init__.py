"""What an account is, how two readings of it differ, and what it may do: values and pure functions, no I/O."""
