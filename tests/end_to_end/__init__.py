"""Tests of the whole, by subject: what the command, Dagster, the ledger and real servers do together."""
