"""Tests of `whalefall_pipeline.ledger`."""
