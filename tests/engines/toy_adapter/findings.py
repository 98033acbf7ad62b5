"""What is wrong with accounts of the toy engine."""

from whalefall_pipeline.core.findings.making import find_held, to_path
from whalefall_pipeline.core.findings.model import EngineFindings, Mend, Rule, Severity, Sights
from whalefall_pipeline.core.model import SERVER

FINDINGS = EngineFindings(
    rules=(
        Rule(
            id="TOY-01",
            title="Table that somebody writes",
            severity=Severity.LOW,
            why="It is a toy.",
            remedy="Revoke it.",
            find=find_held({"table"}, lambda item: item.privilege == "WRITE", by=to_path),
            looks_at=Sights(scopes=frozenset({"table"})),
            mend=Mend.REVOKE,
        ),
    ),
    administration=frozenset({SERVER, "role"}),
)
