"""Tests of `whalefall_pipeline.services`."""
