"""A stand-in for SQL Server: no such server can be had from the package registries.

A real TDS server (`pysqlbridge`), with TLS and SQL logins, that runs the T-SQL it is sent on DuckDB tables which mirror
the catalog views. It checks that the driver, the statements and the reader fit together and do what Microsoft's
documentation says of the catalog; it is no proof of what a real server does.

`views` the mirrored views, `content` what is in them, `statements` the T-SQL that changes it, `rewriting` T-SQL as
DuckDB's SQL, `wire` the server.
"""
