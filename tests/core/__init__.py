"""Tests of `whalefall_pipeline.core`."""
