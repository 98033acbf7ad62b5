"""The server's own tables that are read by what no grant on them says: by everybody, or with a privilege. Pure.

Tried on MariaDB 10.11 and 11.8 and on MySQL 9.7. Of many such tables everybody sees only what it has a right to. Nobody
may be granted anything in `information_schema`, and nobody changes what is in it.
"""

from collections.abc import Mapping

from whalefall_pipeline.adapters.mysql.names import Flavour
from whalefall_pipeline.core.access.model import Question

SCHEMA_FOR_ALL, PERFORMANCE = "information_schema", "performance_schema"
PROCESS = "PROCESS"
SLAVE_MONITOR = "SLAVE MONITOR"
NOBODY = "NOBODY"
"""In place of a privilege: there is none that allows it."""
INNODB = "innodb_"
STOPWORDS = "innodb_ft_default_stopword"
GUARDED: Mapping[Flavour, Mapping[str, str]] = {
    "mysql": {"files": PROCESS},
    "mariadb": {"slave_status": SLAVE_MONITOR},
}
"""Tables of information_schema that need a privilege on the whole server, as those of InnoDB need PROCESS."""
OPEN: Mapping[Flavour, frozenset[str]] = {
    "mysql": frozenset(
        {
            "global_status", "global_variable_attributes", "global_variables", "persisted_variables", "processlist",
            "session_account_connect_attrs", "session_status", "session_variables", "variables_info",
            "variables_metadata",
        }
    ),
    "mariadb": frozenset({"global_status", "session_account_connect_attrs", "session_status"}),
}  # fmt: skip
"""Tables of performance_schema that everybody reads."""


def find_needed(question: Question, flavour: Flavour) -> str | None:
    """Return the privilege on the whole server that is needed; empty: none. None: what is granted on it decides."""
    database, name = question.securable.database.lower(), question.securable.object.lower()
    is_read = question.privilege == "SELECT"
    if database == SCHEMA_FOR_ALL:
        is_innodb = name.startswith(INNODB) and name != STOPWORDS
        return (PROCESS if is_innodb else GUARDED[flavour].get(name, "")) if is_read else NOBODY
    return "" if database == PERFORMANCE and is_read and name in OPEN[flavour] else None


def may_be_open(question: Question) -> bool:
    """Whether everybody may have it on one of the servers, or what no grant of it gives."""
    return find_needed(question, "mysql") is not None or find_needed(question, "mariadb") is not None
