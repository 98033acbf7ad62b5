"""A stand-in for an Oracle container database, since no registry has the server: a dictionary on DuckDB, and its DDL.

It runs the adapter's own SQL text, translated by sqlglot, over views with the columns that Oracle documents. It knows
containers, what a login may see, and the statements that change accounts and grants. It does not know the wire: the
real driver is tested apart (`tests/adapters/oracle/test_connection.py`).
"""
