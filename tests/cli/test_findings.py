"""`whalefall findings`, `waive` and `rules`, on a ledger that real readings made."""

import csv
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.engines.scripted import OBSERVED, Fleet, role, select_on, user
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.adapters.postgresql import PostgresqlAdapter
from whalefall_pipeline.adapters.postgresql.findings import FINDINGS
from whalefall_pipeline.core.model import Instance, Observation, Seen
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.secrets import SecretStore

UNTIL = "2999-01-01T00:00:00+00:00"
RULES = """
options: {superusers: [chief], ignore: [PG-04]}
rules:
  - {id: OWN-1, title: Nobody is called ana, severity: low, when: {field: username, is: ana}}
"""


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    """An instance `shop` with one finding, and `hr` with one and a database that was not seen."""
    fleet = Fleet(ledger, tmp_path)
    fleet.adapter.findings = FINDINGS
    fleet.register("shop", "hr")
    fleet.adapter.accounts = [user("ana", rolvaliduntil=UNTIL, rolsuper=True), role("readers")]
    fleet.adapter.coverage = {"server": OBSERVED, "database:shop": OBSERVED}
    fleet.sync(fleet.instances[:1])
    fleet.adapter.accounts = [user("bob", rolvaliduntil=UNTIL)]
    fleet.adapter.grants = [select_on("bob", "orders", option=True)]
    fleet.adapter.coverage["database:secret"] = Observation(Seen.DENIED, "no CONNECT")
    fleet.sync(fleet.instances[1:])
    return fleet


def read(whalefall: Run, *words: str) -> list[dict[str, str]]:
    return json.loads(whalefall("findings", "--format", "json", *words).stdout)


def test_what_is_wrong_is_listed_the_worst_first_and_unknown_is_said(whalefall: Run, fleet: Fleet) -> None:
    rows = read(whalefall)
    assert [row["severity"] for row in rows] == sorted(
        (row["severity"] for row in rows), key=["critical", "high", "medium", "low"].index
    )
    found = {(row["rule"], row["instance"], row["account"]) for row in rows if row["status"] == "open"}
    assert found == {("ALL-01", "shop", "ana"), ("ALL-05", "hr", "bob")}
    assert {row["instance"] for row in rows if row["status"] == "unknown"} == {"hr", "shop"}
    said = whalefall("findings")
    assert "unknown is not clear" in said.stderr
    assert "superuser: rolsuper" in said.stdout


def test_it_can_be_cut_down(whalefall: Run, fleet: Fleet) -> None:
    assert {row["rule"] for row in read(whalefall, "--status", "open", "--severity", "high")} == {"ALL-01"}
    assert {row["instance"] for row in read(whalefall, "--instance", "hr")} == {"hr"}
    assert {row["rule"] for row in read(whalefall, "--rule", "ALL-05", "--status", "open")} == {"ALL-05"}
    assert {row["rule"] for row in read(whalefall, "--account", "bob")} == {"ALL-05"}
    assert read(whalefall, "--new-since", "1h")
    assert read(whalefall, "--status", "closed") == []
    rows = list(csv.DictReader(whalefall("findings", "--status", "open", "--format", "csv").stdout.splitlines()))
    assert [row["rule"] for row in rows] == ["ALL-01", "ALL-05"]


def test_the_exit_code_is_for_scripts_where_it_is_asked_for(whalefall: Run, fleet: Fleet) -> None:
    assert whalefall("findings").returncode == 0
    assert whalefall("findings", "--check", "--severity", "high").returncode == 1
    assert whalefall("findings", "--check", "--status", "closed").returncode == 0


def test_a_waiver_needs_a_reason_and_an_expiry_and_is_shown(whalefall: Run, fleet: Fleet) -> None:
    whole = {"--reason": "agreed", "--ticket": "OPS-7", "--expires": "90d"}
    for left_out in whole:
        given = [word for pair in whole.items() if pair[0] != left_out for word in pair]
        refused = whalefall("waive", "add", "ALL-01", *given)
        assert (refused.returncode, left_out in refused.stderr) == (2, True)
    said = whalefall(
        *("waive", "add", "ALL-01", "--instance", "shop", "--account", "ana", "--reason", "on call"),
        *("--ticket", "OPS-7", "--expires", "90d"),
    )
    assert (said.returncode, said.stderr) == (0, "")
    assert "covers 1 findings until" in said.stdout
    (row,) = read(whalefall, "--rule", "ALL-01", "--instance", "shop", "--account", "ana")
    assert (row["status"], row["waiver_reason"], row["waiver_ticket"]) == ("waived", "on call", "OPS-7")
    (waiver,) = json.loads(whalefall("waive", "list", "--format", "json").stdout)
    assert (waiver["status"], waiver["instance"], waiver["account"]) == ("valid", "shop", "ana")
    assert whalefall("waive", "withdraw", str(waiver["id"])).returncode == 0
    (row,) = read(whalefall, "--rule", "ALL-01", "--instance", "shop", "--account", "ana")
    assert row["status"] == "open"
    assert json.loads(whalefall("waive", "list", "--format", "json").stdout) == []
    assert len(json.loads(whalefall("waive", "list", "--all", "--format", "json").stdout)) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("findings", "--severity", "bad"), "is not one of"),
        (("findings", "--instance", "nowhere"), "no instance is named nowhere"),
        (("findings", "--new-since", "soon"), "'soon' is no moment"),
        (("findings", "--sql", "--format", "json"), "--sql prints SQL alone"),
        (("waive", "add", "NO-1", "--reason", "x", "--ticket", "T", "--expires", "1d"), "there is no rule 'NO-1'"),
        (("waive", "add", "ALL-01", "--reason", " ", "--ticket", "T", "--expires", "1d"), "a waiver needs a reason"),
        (("waive", "add", "ALL-01", "--reason", "x", "--ticket", " ", "--expires", "1d"), "a waiver needs a ticket"),
        (("waive", "add", "ALL-01", "--reason", "x", "--ticket", "T", "--expires", "2020-01-01"), "is past"),
        (("waive", "add", "ALL-01", "--reason", "x", "--ticket", "T", "--expires", "ever"), "'ever' is no moment"),
        (
            ("waive", "add", "ALL-01", "--reason", "x", "--ticket", "T", "--expires", "1d", "--instance", "no"),
            "no instance is named no",
        ),
        (("waive", "withdraw", "7"), "no waiver 7 is there"),
        (("rules", "NO-1"), "there is no rule 'NO-1'"),
    ],
)
def test_wrong_input_gets_one_line(whalefall: Run, fleet: Fleet, words: tuple[str, ...], said: str) -> None:
    done = whalefall(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_rules_are_listed_with_their_text(whalefall: Run) -> None:
    rows = json.loads(whalefall("rules", "--format", "json").stdout)
    assert len(rows) >= 60
    assert all(row["why"] and row["remedy"] for row in rows)
    one = whalefall("rules", "MY-09").stdout
    assert "What to do: REVOKE FILE ON *.*" in one
    assert "CIS MySQL 5.7 5.2" in one


def test_rules_of_ones_own_are_among_them_and_a_bad_file_is_one_line(whalefall: Run, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    rows = json.loads(whalefall("rules", "--format", "json", variables={"WHALEFALL_RULES": str(path)}).stdout)
    ids = {row["rule"] for row in rows}
    assert "OWN-1" in ids
    assert "PG-04" not in ids
    for text, said in (("rules: [", "it is no YAML"), ("rules: [x]", "rules[0] must be a mapping")):
        path.write_text(text, encoding="utf-8")
        done = whalefall("rules", variables={"WHALEFALL_RULES": str(path)})
        assert done.returncode == 2
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
    gone = whalefall("rules", variables={"WHALEFALL_RULES": str(tmp_path / "none.yaml")})
    assert "can't be read" in gone.stderr


def test_the_sql_that_ends_findings_is_printed_and_of_the_others_what_to_do(whalefall: Run, fleet: Fleet) -> None:
    fleet.adapter.build_change = PostgresqlAdapter().build_change  # type: ignore[method-assign]
    said = whalefall("findings", "--sql").stdout
    assert 'GRANT SELECT ON TABLE "public"."orders" TO "bob";' in said
    assert "-- Take the right away" in said


def test_a_sync_of_a_real_server_makes_findings_and_a_bad_rules_file_stops_it(
    whalefall: Run, ledger: Engine, ledger_server: PostgresqlServer, environment: dict[str, str], tmp_path: Path
) -> None:
    home, server = Path(environment["WHALEFALL_HOME"]), ledger_server
    home.mkdir()
    secret = SecretStore(home).encrypt(server.password)
    with ledger.connect() as connection, transaction(connection):
        instance = Instance(0, "real", "postgresql", server.host, server.port)
        write_instance(connection, instance, username=server.superuser, secret=secret)
    done = whalefall("sync", "--local", "real")
    assert done.returncode == 0, done.stderr
    assert "PG-19" in {row["rule"] for row in read(whalefall, "--status", "open")}
    before = [row["opened_at"] for row in read(whalefall)]
    path = tmp_path / "rules.yaml"
    path.write_text("rules: [x]", encoding="utf-8")
    stopped = whalefall("sync", "--local", "real", variables={"WHALEFALL_RULES": str(path)})
    assert stopped.returncode == 1
    path.write_text(RULES.replace("ana", server.superuser), encoding="utf-8")
    assert whalefall("sync", "--local", "real", variables={"WHALEFALL_RULES": str(path)}).returncode == 0
    rows = read(whalefall)
    assert ("OWN-1", server.superuser) in {(row["rule"], row["account"]) for row in rows}
    assert set(before) & {row["opened_at"] for row in rows}, "what was found before is the same finding still"


def test_a_waiver_that_covers_nothing_is_written_and_says_so(whalefall: Run, fleet: Fleet) -> None:
    words = ("--account", "ana", "--object", "a slip", "--reason", "on call", "--ticket", "OPS-7", "--expires", "90d")
    said = whalefall("waive", "add", "ALL-01", *words)
    assert said.returncode == 0
    assert "covers 0 findings until" in said.stdout
    assert "no finding is covered by it now: see whalefall findings" in said.stderr
