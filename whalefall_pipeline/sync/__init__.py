"""Syncs instances: reads through an adapter, writes to the ledger, many at a time. Knows nothing of Dagster."""
