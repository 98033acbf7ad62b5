"""Tests of the project itself: what its documents promise, and what its folders hold."""
