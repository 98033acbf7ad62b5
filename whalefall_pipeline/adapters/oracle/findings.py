"""Oracle's own rules: administrators, PUBLIC, how users log in, profiles and parameters. Pure.

References: CIS Oracle is the benchmark for Database 19c, O121 is DISA's STIG for 12c.
"""

from whalefall_pipeline.adapters.oracle import findings_accounts, findings_grants, findings_settings
from whalefall_pipeline.adapters.oracle.findings_grants import PASSWORD_FILES, SYSTEM
from whalefall_pipeline.core.findings.model import EngineFindings
from whalefall_pipeline.core.model import ROLE_SCOPES, SERVER, Account


def is_given(account: Account) -> bool:
    """Return whether Oracle made and maintains the account."""
    return bool(account.attributes.get("oracle_maintained"))


RULES = tuple(
    sorted(
        (*findings_accounts.RULES, *findings_grants.RULES, *findings_settings.RULES),
        key=lambda rule: rule.id,
    )
)

FINDINGS = EngineFindings(RULES, is_given, frozenset({SERVER, *SYSTEM, *ROLE_SCOPES, *PASSWORD_FILES}))
