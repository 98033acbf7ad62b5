"""Effective access: who can do what, and why. Pure; what differs by engine stands in each engine's `access` module."""
