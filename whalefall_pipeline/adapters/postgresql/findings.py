"""PostgreSQL's own rules: role attributes, predefined roles, PUBLIC, definer's rights, and settings. Pure.

References: CD12 and CD16 are DISA's STIGs for Crunchy Data PostgreSQL, PCI DSS is version 4.0.1. CIS PostgreSQL is the
benchmark of that version: 12 v1.0.0, 14 v1.0.0 (4.3) and v1.3.0 (6.8).
"""

from whalefall_pipeline.adapters.postgresql import findings_accounts, findings_grants, findings_settings
from whalefall_pipeline.core.findings.model import EngineFindings
from whalefall_pipeline.core.model import Account


def is_given(account: Account) -> bool:
    """Return whether initdb made the account."""
    return bool(account.attributes.get("bootstrap_superuser")) or account.username.startswith("pg_")


RULES = tuple(
    sorted(
        (*findings_accounts.RULES, *findings_grants.RULES, *findings_settings.RULES),
        key=lambda rule: rule.id,
    )
)

FINDINGS = EngineFindings(RULES, is_given, frozenset({"role"}))
