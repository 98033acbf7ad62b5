"""Tests of `whalefall_pipeline.sync`."""
