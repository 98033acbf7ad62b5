"""Who can do what on PostgreSQL, judged by the server: its functions, and roles that try."""
