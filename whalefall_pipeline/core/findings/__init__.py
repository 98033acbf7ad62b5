"""Findings: what is wrong with an instance's accounts, by rules that are small pure functions over what is known."""
