"""The types of objects that privileges are held on: their scopes, and how GRANT names them. Pure."""

OTHER_OBJECT = "object"
"""The scope of a type that is unknown, to the catalog or to us."""
OBJECT_TYPES = (
    "ANALYTIC VIEW",
    "ASSEMBLY",
    "ATTRIBUTE DIMENSION",
    "CHAIN",
    "CLUSTER",
    "CREDENTIAL",
    "CUBE",
    "CUBE BUILD PROCESS",
    "CUBE DIMENSION",
    "DESTINATION",
    "DIRECTORY",
    "DOMAIN",
    "EDITION",
    "EVALUATION CONTEXT",
    "FILE GROUP",
    "FILE WATCHER",
    "FUNCTION",
    "HIERARCHY",
    "INDEX",
    "INDEX PARTITION",
    "INDEX SUBPARTITION",
    "INDEXTYPE",
    "IOT",
    "JAVA CLASS",
    "JAVA DATA",
    "JAVA JAR",
    "JAVA RESOURCE",
    "JAVA SOURCE",
    "JOB CLASS",
    "LIBRARY",
    "LOB",
    "MATERIALIZED VIEW",
    "MEASURE FOLDER",
    "MINING MODEL",
    "MLE ENVIRONMENT",
    "MLE LANGUAGE",
    "MLE MODULE",
    "NON-EXISTENT",
    "OPERATOR",
    "PACKAGE",
    "PACKAGE BODY",
    "PROCEDURE",
    "PROGRAM",
    "PROPERTY GRAPH",
    "QUEUE",
    "REPLICATION OBJECT GROUP",
    "REPLICATION PROPAGATOR",
    "RESOURCE PLAN",
    "RULE",
    "RULE SET",
    "SCHEDULE",
    "SCHEDULER GROUP",
    "SEQUENCE",
    "SQL TRANSLATION PROFILE",
    "SYNONYM",
    "TABLE",
    "TABLE PARTITION",
    "TABLE SUBPARTITION",
    "TRIGGER",
    "TYPE",
    "TYPE BODY",
    "USER",
    "VIEW",
    "WINDOW",
    "XML SCHEMA",
)
OBJECT_SCOPES = {
    **{name: name.lower().replace(" ", "_").replace("-", "_") for name in OBJECT_TYPES},
    "(Data Mining) MODEL": "mining_model",
    "CONSUMER GROUP": "consumer_group",
    "JOB": "job",
    "MODEL": "mining_model",
    "RESOURCE CONSUMER GROUP": "consumer_group",
    "SCHEDULER JOB": "job",
    "UNKNOWN": OTHER_OBJECT,
}
"""TYPE of DBA_TAB_PRIVS to scope: the words of DBA_OBJECTS (12.2), and those of the view itself from 18c on.

Of the latter (`cdcore_privs.sql`) UNKNOWN stands for whatever the view has no word for: rules, rule sets, evaluation
contexts, programs, chains, windows, credentials, file groups, XML schemas, and consumer groups that were not granted
commonly.
"""


def to_object_scope(object_type: str | None) -> str:
    """Return the scope for a TYPE of DBA_TAB_PRIVS, `object` for one that is unknown."""
    return OBJECT_SCOPES.get(object_type or "", OTHER_OBJECT)


KEYWORDS = {
    "directory": "DIRECTORY",
    "edition": "EDITION",
    "java_resource": "JAVA RESOURCE",
    "java_source": "JAVA SOURCE",
    "mining_model": "MINING MODEL",
    "property_graph": "PROPERTY GRAPH",
    "sql_translation_profile": "SQL TRANSLATION PROFILE",
    "user": "USER",
}
"""Scopes whose names GRANT takes after a keyword only (SQL Language Reference, "GRANT", on_object_clause)."""
WITHOUT_SCHEMA = frozenset({"directory", "edition", "user"})
_RULES = "DBMS_RULE_ADM.GRANT_OBJECT_PRIVILEGE"
BY_PACKAGE = {
    "consumer_group": "DBMS_RESOURCE_MANAGER_PRIVS.GRANT_SWITCH_CONSUMER_GROUP",
    "evaluation_context": _RULES,
    "file_group": "DBMS_FILE_GROUP.GRANT_OBJECT_PRIVILEGE",
    "queue": "DBMS_AQADM.GRANT_QUEUE_PRIVILEGE",
    "rule": _RULES,
    "rule_set": _RULES,
}
"""What GRANT does not know, and the package that grants it."""
PLAIN = frozenset(
    {"analytic_view", "attribute_dimension", "chain", "cluster", "credential", "cube", "cube_build_process"}
    | {"cube_dimension", "destination", "domain", "file_watcher", "function", "hierarchy", "indextype", "java_class"}
    | {"job", "job_class", "library", "materialized_view", "measure_folder", "mle_environment", "mle_module"}
    | {"operator", "package", "procedure", "program", "schedule", "scheduler_group", "sequence", "synonym", "table"}
    | {"type", "view", "window"}
)
"""Scopes whose names GRANT takes as they are. For all others (UNKNOWN among them) no statement is certain."""
