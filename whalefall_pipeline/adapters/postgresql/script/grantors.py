"""The SQL that takes privileges which others than the owner gave. Pure functions.

A superuser's REVOKE is the owner's, and leaves what somebody gave by a grant option. A state does not hold who gave
what, so the server looks it up, and revokes as each of them.
"""

from collections.abc import Collection

from whalefall_pipeline.adapters.postgresql.names import quote_value
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.core.model import Securable

_IN_SCHEMA = "JOIN pg_namespace n ON n.oid = {} WHERE nspname = {{schema}}"
_RELATION = f"pg_class {_IN_SCHEMA.format('relnamespace')} AND relname = {{object}}"
_SIGNATURE = "proname || '(' || oidvectortypes(proargtypes) || ')'"
ACLS = {
    "database": "SELECT datacl FROM pg_database WHERE datname = {database}",
    "tablespace": "SELECT spcacl FROM pg_tablespace WHERE spcname = {object}",
    "parameter": "SELECT paracl FROM pg_parameter_acl WHERE parname = {object}",
    "schema": "SELECT nspacl FROM pg_namespace WHERE nspname = {schema}",
    "table": f"SELECT relacl FROM {_RELATION}",
    "sequence": f"SELECT relacl FROM {_RELATION}",
    "column": f"SELECT attacl FROM pg_attribute JOIN (SELECT pg_class.oid FROM {_RELATION}) c ON c.oid = attrelid"
    " WHERE attname = {column}",
    "routine": f"SELECT proacl FROM pg_proc {_IN_SCHEMA.format('pronamespace')} AND {_SIGNATURE} = {{object}}",
    "type": f"SELECT typacl FROM pg_type {_IN_SCHEMA.format('typnamespace')} AND typname = {{object}}",
    "language": "SELECT lanacl FROM pg_language WHERE lanname = {object}",
    "foreign_data_wrapper": "SELECT fdwacl FROM pg_foreign_data_wrapper WHERE fdwname = {object}",
    "foreign_server": "SELECT srvacl FROM pg_foreign_server WHERE srvname = {object}",
    "large_object": "SELECT lomacl FROM pg_largeobject_metadata WHERE oid = {object}::oid",
}
"""Scope to the statement that reads the ACL of one securable. Default privileges are given by their role alone."""


def build_revoke_by_others(revoke: str, privileges: Collection[str], securable: Securable, grantee: str) -> str:
    """Build what runs a REVOKE as each role that gave one of the privileges; nothing happens where there is none."""
    # aclexplode takes no array without elements, which is what is left where nobody holds anything
    acl = ACLS[securable.scope].format_map({name: quote_value(part) for name, part in securable._asdict().items()})
    oid = "0" if grantee == PUBLIC else f"(SELECT oid FROM pg_roles WHERE rolname = {quote_value(grantee)})"
    listed = ", ".join(map(quote_value, sorted(privileges)))
    givers = (
        f"SELECT DISTINCT rolname FROM aclexplode(nullif(({acl}), '{{}}')) x JOIN pg_roles r ON r.oid = x.grantor"
        f" WHERE x.grantee = {oid} AND x.privilege_type IN ({listed})"
    )
    body = (
        "DECLARE giver name; self text := current_setting('role');"
        f" BEGIN FOR giver IN {givers} LOOP PERFORM set_config('role', giver, true); EXECUTE {quote_value(revoke)};"
        " PERFORM set_config('role', self, true); END LOOP; END"
    )
    return f"DO {quote_value(body)};"
