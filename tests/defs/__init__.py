"""Tests of `whalefall_pipeline.defs`."""
