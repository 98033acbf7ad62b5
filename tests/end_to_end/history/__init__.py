"""Tests of what the ledger says of real servers over time: what was not seen, what changed, and what was before."""
