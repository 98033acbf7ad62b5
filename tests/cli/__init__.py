"""Tests of `whalefall_pipeline.cli`."""
