"""What leaves the ledger for people: messages, pages and tables."""
