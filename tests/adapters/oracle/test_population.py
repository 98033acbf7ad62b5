"""A population that nobody would set up by hand: each type of object, kind of grantee, option and container.

What should be read is worked out here, from the rows alone, and compared as a whole.
"""

from collections.abc import Iterator
from itertools import product

import pytest

from tests.adapters.oracle.reading import PDB, ROOT, read
from tests.servers.oracle import VERSION_23, StandIn
from tests.servers.oracle_standin.tables import ROOT_ID, ROOT_NAME
from whalefall_pipeline.core.model import MEMBER, Grant, Securable

# DBA_TAB_PRIVS.TYPE: the words of DBA_OBJECTS (12.2, and what 23ai adds), and those of `cdcore_privs.sql` (18c)
TYPES = {
    "TABLE": "table", "VIEW": "view", "SEQUENCE": "sequence", "PROCEDURE": "procedure", "FUNCTION": "function",
    "PACKAGE": "package", "PACKAGE BODY": "package_body", "TRIGGER": "trigger", "TYPE": "type",
    "TYPE BODY": "type_body",
    "SYNONYM": "synonym", "CLUSTER": "cluster", "INDEX": "index", "INDEXTYPE": "indextype", "OPERATOR": "operator",
    "LIBRARY": "library", "DIRECTORY": "directory", "QUEUE": "queue", "IOT": "iot", "LOB": "lob",
    "EDITION": "edition",
    "JAVA SOURCE": "java_source", "JAVA CLASS": "java_class", "JAVA RESOURCE": "java_resource", "JAVA JAR": "java_jar",
    "JAVA DATA": "java_data", "TABLE PARTITION": "table_partition", "INDEX PARTITION": "index_partition",
    "TABLE SUBPARTITION": "table_subpartition", "INDEX SUBPARTITION": "index_subpartition",
    "REPLICATION OBJECT GROUP": "replication_object_group", "REPLICATION PROPAGATOR": "replication_propagator",
    "RESOURCE CONSUMER GROUP": "consumer_group", "CONSUMER GROUP": "consumer_group", "SCHEDULER JOB": "job",
    "JOB": "job",
    "JOB CLASS": "job_class", "SCHEDULE": "schedule", "(Data Mining) MODEL": "mining_model", "MODEL": "mining_model",
    "MINING MODEL": "mining_model", "CUBE": "cube", "CUBE DIMENSION": "cube_dimension",
    "CUBE BUILD PROCESS": "cube_build_process", "MEASURE FOLDER": "measure_folder", "FILE WATCHER": "file_watcher",
    "DESTINATION": "destination", "SQL TRANSLATION PROFILE": "sql_translation_profile", "HIERARCHY": "hierarchy",
    "ATTRIBUTE DIMENSION": "attribute_dimension", "ANALYTIC VIEW": "analytic_view", "USER": "user",
    "MATERIALIZED VIEW": "materialized_view", "RULE": "rule", "RULE SET": "rule_set", "CHAIN": "chain",
    "EVALUATION CONTEXT": "evaluation_context", "PROGRAM": "program", "WINDOW": "window", "CREDENTIAL": "credential",
    "SCHEDULER GROUP": "scheduler_group", "FILE GROUP": "file_group", "XML SCHEMA": "xml_schema", "DOMAIN": "domain",
    "MLE MODULE": "mle_module", "MLE LANGUAGE": "mle_language", "PROPERTY GRAPH": "property_graph",
    "NON-EXISTENT": "non_existent", "UNKNOWN": "object", "SOMETHING OF 30ai": "object",
}  # fmt: skip
GRANTEES = ("LOCAL_USER", "LOCAL_ROLE", "PUBLIC", "C##USER", "C##ROLE")
OPTIONS = (("NO", "NO"), ("YES", "NO"), ("YES", "YES"))
PDBS = {3: PDB, 4: "HRPDB"}
YES_NO = ("NO", "YES")
Row = dict[str, "str | int"]


def draw_places() -> Iterator[tuple[str, str, list[tuple[int, str]]]]:
    """Yield who is granted where: the grantee, whether commonly, and the containers with what they say of INHERITED."""
    for grantee in GRANTEES:
        for con_id in PDBS:
            yield grantee, "NO", [(con_id, "NO")]
        if not grantee.startswith("LOCAL"):
            yield grantee, "NO", [(ROOT_ID, "NO")]
            yield grantee, "YES", [(ROOT_ID, "NO"), *((con_id, "YES") for con_id in (3, 4, 5))]


def draw_rows() -> Iterator[tuple[str, Row]]:
    """Yield the rows of the population with their tables."""
    for grantee, common, places in draw_places():
        for con_id, inherited in places:
            where: Row = {"con_id": con_id, "grantee": grantee, "common": common, "inherited": inherited}
            for kind, (grantable, hierarchy) in product(TYPES, OPTIONS):
                yield "tab_privs", where | {
                    "owner": "O", "table_name": f"{kind} {grantable}{hierarchy}", "grantor": "O", "type": kind,
                    "privilege": "USE", "grantable": grantable, "hierarchy": hierarchy,
                }  # fmt: skip
            for admin, delegate, default in product(YES_NO, YES_NO, YES_NO):
                role = f"C##R{admin}{delegate}{default}"
                yield "role_privs", where | {
                    "granted_role": role, "admin_option": admin, "delegate_option": delegate, "default_role": default
                }  # fmt: skip
            for option in YES_NO:
                yield "sys_privs", where | {"privilege": f"POWER {option}", "admin_option": option}
                yield "schema_privs", where | {"privilege": f"POWER {option}", "schema": "S", "admin_option": option}
                yield "col_privs", where | {
                    "owner": "O", "table_name": "T", "column_name": "C", "grantor": "O", "privilege": f"USE {option}",
                    "grantable": option,
                }  # fmt: skip


def expect(table: str, row: Row, *, is_root: bool) -> set[Grant]:
    """Work out the grants that one row stands for, seen from the root or from SALESPDB."""
    con_id, is_common = int(row["con_id"]), row["common"] == "YES"
    if (is_root and row["inherited"] == "YES") or (not is_root and con_id != 3):
        return set()
    grantee = str(row["grantee"])
    if is_root and con_id > ROOT_ID and grantee.startswith("LOCAL"):
        grantee = f"{PDBS[con_id]}.{grantee}"
    in_root = PDBS.get(con_id) or ("" if is_common else ROOT_NAME)
    of_objects, wide = (in_root, in_root) if is_root else (PDB, "")
    held: list[tuple[str, Securable, bool]] = []
    match table:
        case "tab_privs":
            securable = Securable(TYPES[str(row["type"])], of_objects, "O", str(row["table_name"]))
            held.append(("USE", securable, row["grantable"] == "YES"))
            if row["hierarchy"] == "YES":
                held.append(("USE WITH HIERARCHY OPTION", securable, False))
        case "role_privs":
            role = Securable("database_role" if wide else "role", wide, object=str(row["granted_role"]))
            held.append((MEMBER, role, row["admin_option"] == "YES"))
            held += [(word, role, False) for word in ("DEFAULT",) if row["default_role"] == "YES"]
            held += [(word, role, False) for word in ("DELEGATE",) if row["delegate_option"] == "YES"]
        case "sys_privs":
            held.append(
                (str(row["privilege"]), Securable("database" if wide else "server", wide), row["admin_option"] == "YES")
            )
        case "schema_privs":
            held.append((str(row["privilege"]), Securable("schema", of_objects, "S"), row["admin_option"] == "YES"))
        case _:
            held.append(
                (str(row["privilege"]), Securable("column", of_objects, "O", "T", "C"), row["grantable"] == "YES")
            )
    return {Grant(grantee, *item) for item in held}


@pytest.fixture(scope="module")
def population() -> StandIn:
    server = StandIn(VERSION_23)
    roles = [f"C##R{''.join(words)}" for words in product(YES_NO, YES_NO, YES_NO)]
    server.execute(
        "CREATE USER C##USER NO AUTHENTICATION",
        *(f"CREATE ROLE {role}" for role in ("C##ROLE", *roles)),
        container=ROOT_NAME,
    )
    for pdb in PDBS.values():
        server.execute("CREATE USER LOCAL_USER NO AUTHENTICATION", "CREATE ROLE LOCAL_ROLE", container=pdb)
    for table in ("role_privs", "tab_privs"):  # what making users and roles grants by itself
        server.tables.delete(table)
    for table, row in draw_rows():
        server.tables.insert(table, **row)
    return server


@pytest.mark.parametrize("service", [PDB, ROOT])
def test_the_whole_population_is_read_as_its_rows_say(population: StandIn, service: str) -> None:
    seen = read(population, service)
    assert seen.unseen == {}
    wanted = {grant for table, row in draw_rows() for grant in expect(table, row, is_root=service == ROOT)}
    found = {grant for grant in seen.grants if grant.grantee.rpartition(".")[2] in GRANTEES}
    assert found - wanted == set()
    assert wanted - found == set()
    assert len(wanted) > 1_000
    assert seen.strangers == 0
    # statements of 23ai: what the parts, the accounts and the settings take, whatever there is to be read
    assert seen.statements == {PDB: 18, ROOT: 22}[service]
