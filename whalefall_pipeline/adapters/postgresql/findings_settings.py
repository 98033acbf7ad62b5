"""Rules of PostgreSQL: what the instance is set to. Pure."""

from whalefall_pipeline.core.findings.making import find_setting
from whalefall_pipeline.core.findings.model import Rule, Severity, Sights

RULES = (
    Rule(
        id="PG-18",
        title="New passwords are kept as MD5",
        severity=Severity.HIGH,
        why="An MD5 verifier that is stolen logs in as it is, and is soon guessed.",
        remedy="SET password_encryption = 'scram-sha-256', and have passwords set again",
        find=find_setting("password_encryption", lambda value: value in ("md5", "on", True)),
        looks_at=Sights(settings=True),
    ),
    Rule(
        id="PG-19",
        title="The server takes no encrypted connections",
        severity=Severity.MEDIUM,
        why="Passwords and data can be read, and changed, by whoever is on the way.",
        remedy="ssl = on, with a certificate, and hostssl in pg_hba.conf",
        find=find_setting("ssl", lambda value: value in ("off", False)),
        looks_at=Sights(settings=True),
        references=("PCI DSS 4.0.1 8.3.2", "CIS PostgreSQL 14 6.8"),
    ),
    Rule(
        id="PG-20",
        title="System catalogs can be changed by hand",
        severity=Severity.HIGH,
        why="With allow_system_table_mods a superuser can make rights that no log and no GRANT shows.",
        remedy="allow_system_table_mods = off",
        find=find_setting("allow_system_table_mods", lambda value: value in ("on", True)),
        looks_at=Sights(settings=True),
    ),
    Rule(
        id="PG-21",
        title="Privileges of large objects are not checked",
        severity=Severity.HIGH,
        why="With lo_compat_privileges everybody reads and changes every large object.",
        remedy="lo_compat_privileges = off",
        find=find_setting("lo_compat_privileges", lambda value: value in ("on", True)),
        looks_at=Sights(settings=True),
    ),
)
