"""Oracle 12.2 and later, read with `oracledb` in thin mode: no client library is needed.

So far this adapter has been run against stand-ins only (`tests/servers/oracle.py` says which, and how far they go),
never against an Oracle server: none can be installed from a package registry.

What the collector's login needs is CREATE SESSION and either SELECT_CATALOG_ROLE or SELECT on the views that
`catalog.sql` names. From the root of a container database it is a common user, granted with CONTAINER=ALL, that sees
all containers: `ALTER USER C##WHALEFALL SET CONTAINER_DATA=ALL CONTAINER=CURRENT`.
"""

from whalefall_pipeline.adapters.oracle.reader import OracleAdapter

__all__ = ["OracleAdapter"]
