"""The rules of MySQL and MariaDB: how accounts log in and from where, what they hold on the server, settings. Pure.

References: CIS MySQL is the benchmark for MySQL Enterprise Edition 5.7, PCI DSS is version 4.0.1.
"""

from whalefall_pipeline.adapters.mysql import findings_accounts, findings_grants, findings_settings
from whalefall_pipeline.core.findings.model import EngineFindings
from whalefall_pipeline.core.model import SERVER, Account


def is_given(account: Account) -> bool:
    """Return whether the installation made the account; `root` from this host is among these."""
    return bool(account.attributes.get("built_in")) or account.username == "root@localhost"


RULES = tuple(
    sorted(
        (*findings_accounts.RULES, *findings_grants.RULES, *findings_settings.RULES),
        key=lambda rule: rule.id,
    )
)

FINDINGS = EngineFindings(RULES, is_given, frozenset({SERVER, "role"}))
