"""The T-SQL that makes accounts and what they hold: `accounts` for principals, `grants` for the order of all. Pure."""
