"""Our PostgreSQL: every read and write of our tables."""
