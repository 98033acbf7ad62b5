"""Alerts through processes that die."""
