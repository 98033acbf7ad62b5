"""Rules of MySQL and MariaDB: what the instance is set to. Pure."""

from whalefall_pipeline.core.findings.making import find_setting
from whalefall_pipeline.core.findings.model import Rule, Severity, Sights

RULES = (
    Rule(
        id="MY-22",
        title="Clients can be made to send their files",
        severity=Severity.LOW,
        why="With local_infile a server, or who took its place, asks clients for files of theirs.",
        remedy="local_infile = OFF",
        find=find_setting("local_infile", lambda value: value is True),
        looks_at=Sights(settings=True),
        references=("CIS MySQL 5.7 4.4",),
    ),
    Rule(
        id="MY-23",
        title="Functions are logged without a check that they are safe",
        severity=Severity.LOW,
        why="With log_bin_trust_function_creators no SUPER is needed to make a function that writes on replicas.",
        remedy="log_bin_trust_function_creators = OFF",
        find=find_setting("log_bin_trust_function_creators", lambda value: value is True),
        looks_at=Sights(settings=True),
    ),
)
