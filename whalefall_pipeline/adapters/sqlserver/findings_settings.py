"""Rules of SQL Server: what the instance is set to. Pure."""

from collections.abc import Iterator

from whalefall_pipeline.adapters.sqlserver.securables import DATABASE
from whalefall_pipeline.core.findings.making import find_setting
from whalefall_pipeline.core.findings.model import Hit, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import Json

SETTINGS = Sights(settings=True)


def _find_trustworthy(world: World) -> Iterator[Hit]:
    names = world.set_to.get("is_trustworthy_on")
    for name in names if isinstance(names, list) else ():
        if name != "msdb":
            yield Hit(object=str(name), message=f"database {name} is TRUSTWORTHY")


def _is_on(value: Json) -> bool:
    return value == 1


RULES = (
    Rule(
        id="MS-18",
        title="Database whose code is trusted by the server",
        severity=Severity.HIGH,
        why="With TRUSTWORTHY on, db_owner of a database that an administrator owns is an administrator.",
        remedy="ALTER DATABASE … SET TRUSTWORTHY OFF",
        find=_find_trustworthy,
        looks_at=Sights(settings=True, scopes=frozenset({DATABASE})),
        references=("CIS SQL Server 2017 2.9",),
    ),
    Rule(
        id="MS-19",
        title="xp_cmdshell is enabled",
        severity=Severity.HIGH,
        why="It runs commands of the operating system.",
        remedy="EXECUTE sp_configure 'xp_cmdshell', 0; RECONFIGURE",
        find=find_setting("xp_cmdshell", _is_on),
        looks_at=SETTINGS,
        references=("CIS SQL Server 2017 2.15",),
    ),
    Rule(
        id="MS-20",
        title="Code of the common language runtime is enabled",
        severity=Severity.LOW,
        why="Assemblies can do what Transact-SQL can't.",
        remedy="EXECUTE sp_configure 'clr enabled', 0; RECONFIGURE",
        find=find_setting("clr enabled", _is_on),
        looks_at=SETTINGS,
        references=("CIS SQL Server 2017 2.2",),
    ),
    Rule(
        id="MS-21",
        title="OLE automation is enabled",
        severity=Severity.HIGH,
        why="Transact-SQL can then use any object of the operating system.",
        remedy="EXECUTE sp_configure 'Ole Automation Procedures', 0; RECONFIGURE",
        find=find_setting("Ole Automation Procedures", _is_on),
        looks_at=SETTINGS,
        references=("CIS SQL Server 2017 2.5",),
    ),
    Rule(
        id="MS-22",
        title="Ownership chains cross databases",
        severity=Severity.MEDIUM,
        why="Whoever owns objects in one database reaches those of the same owner in all others.",
        remedy="EXECUTE sp_configure 'cross db ownership chaining', 0; RECONFIGURE",
        find=find_setting("cross db ownership chaining", _is_on),
        looks_at=SETTINGS,
        references=("CIS SQL Server 2017 2.3",),
    ),
    Rule(
        id="MS-23",
        title="Queries may open any other data source",
        severity=Severity.MEDIUM,
        why="OPENROWSET connects the server to others, from inside the network, with its own account.",
        remedy="EXECUTE sp_configure 'Ad Hoc Distributed Queries', 0; RECONFIGURE",
        find=find_setting("Ad Hoc Distributed Queries", _is_on),
        looks_at=SETTINGS,
        references=("CIS SQL Server 2017 2.1",),
    ),
    Rule(
        id="MS-24",
        title="Passwords are accepted beside the directory's accounts",
        severity=Severity.LOW,
        why="The server's own logins know no central lock, no second factor, and no leaver.",
        remedy="Use Windows authentication alone, where nothing needs the server's own logins.",
        find=find_setting("IsIntegratedSecurityOnly", lambda value: value == 0),
        looks_at=SETTINGS,
        references=("CIS SQL Server 2017 3.1",),
    ),
)
