"""Tests of what leaves the ledger for people."""
