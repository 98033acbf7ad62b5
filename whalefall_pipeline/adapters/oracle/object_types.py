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
