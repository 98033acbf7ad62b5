"""Measures a sync beside the floor: `python -m tests.bench`; pytest collects nothing here."""
