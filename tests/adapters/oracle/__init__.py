"""Tests of `whalefall_pipeline.adapters.oracle`."""
