"""Tests of `whalefall_pipeline.adapters.postgresql`."""
