"""A fleet as a file, planned before it is made so, and labels, by which lists, syncs and questions choose."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run, Said
from tests.engines.scripted import Fleet, select_on, user
from tests.ledger.rows import read
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.sync.plan import Alerting

FILE = """
instances:
- {name: one, type: postgresql, host: db1, user: audit, password_env: HOME, labels: {env: prod, owner: payments}}
- {name: two, type: mysql, host: db2, port: 3307, user: audit, password_env: HOME, options: {tls: required},
   exclude: {"database:legacy": of another team, "account:root@%": vendor}}
"""
HEADER = "name,type,host,port,user,password_env,option.tls,label.env,label.owner"
CSV = f"""{HEADER},exclude.database:legacy,exclude.account:root@%
one,postgresql,db1,,audit,HOME,,prod,payments,,
two,mysql,db2,3307,audit,HOME,required,,,of another team,vendor
"""


class Place:
    """The folder of a test, with the command."""

    def __init__(self, whalefall: Run, folder: Path) -> None:
        self.whalefall, self.folder = whalefall, folder

    def take(self, text: str, *words: str, name: str = "fleet.yaml") -> Said:
        (self.folder / name).write_text(text, encoding="utf-8")
        return self.whalefall("instances", "import", name, *words)

    def export(self, *words: str) -> str:
        return self.whalefall("instances", "export", *words).stdout

    def list(self, *words: str) -> list[str]:
        return [row["name"] for row in json.loads(self.whalefall("instances", "list", "-o", "json", *words).stdout)]


@pytest.fixture
def place(whalefall: Run, ledger: Engine, tmp_path: Path) -> Place:
    return Place(whalefall, tmp_path)


def test_a_plan_shows_what_the_act_then_does(place: Place) -> None:
    planned = place.take(FILE, "--dry-run")
    assert planned.stdout.splitlines()[-1] == "2 added; nothing was changed: this was a plan"
    assert place.list() == []
    assert place.take(FILE).stdout.splitlines()[-1] == "2 added"
    assert place.take(FILE).stdout.splitlines() == ["2 same"]
    changed = FILE.replace("host: db1", "host: db9").replace("tls: required", "tls: verify-full")
    changed = changed.replace("vendor", "of the vendor")
    for words in (("--dry-run",), ()):
        said = place.take(changed, *words).stdout
        assert "host db1 to db9" in said
        assert "verify-full" in said
        assert "of the vendor" in said
    assert json.loads(place.whalefall("instances", "list", "-o", "json").stdout)[0]["host"] == "db9"


def test_what_a_file_does_not_name_stays_unless_it_is_to_go(place: Place) -> None:
    place.take(FILE)
    only = "\n".join(FILE.splitlines()[:3])
    assert place.take(only).stdout.splitlines() == ["1 same"]
    assert place.list() == ["one", "two"]
    assert "two   removed" in place.take(only, "--prune", "--dry-run").stdout
    assert place.list() == ["one", "two"]
    place.take(only, "--prune")
    assert place.list() == ["one"]


def test_an_empty_file_prunes_nothing(place: Place) -> None:
    """What a failed export leaves would otherwise be the end of the fleet."""
    place.take(FILE)
    for name, text in (("none.csv", ""), ("header.csv", "name,type\n"), ("none.yaml", "instances: []\n")):
        refused = place.take(text, "--prune", name=name)
        assert (refused.returncode, "names no instance" in refused.stderr) == (2, True), refused.stderr
    assert place.list() == ["one", "two"]


def test_csv_says_the_same_as_yaml_and_an_export_is_an_import(place: Place) -> None:
    place.take(FILE)
    assert place.take(CSV, name="fleet.csv").stdout.splitlines() == ["2 same"]
    for form in ("yaml", "csv"):
        assert place.take(place.export("--format", form), name=f"again.{form}").stdout.splitlines() == ["2 same"]
    assert place.list() == ["one", "two"]
    assert "db2" not in place.export("--label", "env=prod")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,type,host\none,mysql,h,more\n", "'one' has more cells than the first line has names"),
        ("name,type,host,user,passwort\none,mysql,h,u,x\n", "instances.0.passwort"),
        ('name,type\n"one', "is not CSV: line 1"),
        ("name,type,host,user,password_env,label.a b\none,mysql,h,u,HOME,x\n", "'a b' is no label"),
    ],
)
def test_a_csv_with_a_mistake_says_where(place: Place, text: str, said: str) -> None:
    refused = place.take(text, name="fleet.csv")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert said in refused.stderr


def test_a_secrets_command_is_exported_and_the_same_again(place: Place) -> None:
    described = FILE.replace("password_env: HOME, options", "password_command: cat '/dev/null', options")
    place.take(described)
    assert place.take(described).stdout.splitlines() == ["2 same"]
    exported = place.export()
    assert "password_command: cat /dev/null" in exported
    assert place.take(exported).stdout.splitlines() == ["2 same"]
    assert "where its secret is" in place.take(exported.replace("/dev/null", "/dev/zero"), "--dry-run").stdout


def test_a_secret_that_the_ledger_keeps_follows_to_no_other_server(place: Place, ledger: Engine) -> None:
    words = ("--type", "postgresql", "--host", "db1", "--user", "audit", "--password-stdin")
    assert place.whalefall("instances", "add", "one", *words, answer="opensesame\n").returncode == 0
    exported = place.export()
    assert "opensesame" not in exported
    assert place.take(exported).stdout.splitlines() == ["1 same"]
    elsewhere = exported.replace("db1", "evil.example")
    for options in (("--dry-run",), ()):
        refused = place.take(elsewhere, *options)
        assert (refused.returncode, "is sent nowhere else" in refused.stderr) == (2, True)
    assert read(ledger, "select host from instances") == [{"host": "db1"}]


def test_labels_are_given_changed_and_taken_away(place: Place, ledger: Engine) -> None:
    words = ("--type", "mysql", "--host", "h", "--user", "u", "--password-env", "HOME")
    assert place.whalefall("instances", "add", "one", *words, "--label", "env=prod", "-l", "a=b").returncode == 0
    assert place.whalefall("instances", "change", "one", "--label", "env=test", "--label", "a=").returncode == 0
    assert read(ledger, "select labels from instances") == [{"labels": {"env": "test"}}]
    assert "env=test" in place.whalefall("instances", "list").stdout
    for wrong in ("prod", "=x", "a b=c"):
        assert place.whalefall("instances", "list", "--label", wrong).returncode == 2, wrong
    unknown = place.whalefall("instances", "list", "--label", "env=prod")
    assert (unknown.returncode, "no instance has the label env=prod; there are env=test" in unknown.stderr) == (
        2,
        True,
    )


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    fleet = Fleet(ledger, tmp_path / "home")
    fleet.adapter.accounts = [user("ana"), user("root", rolsuper=True)]
    fleet.adapter.grants = [select_on("ana", "orders")]
    for name in ("one", "two"):
        fleet.register(name)
    fleet.sync()
    with ledger.begin() as connection:
        connection.exec_driver_sql("""update instances set labels = '{"env": "prod"}' where name = 'one'""")
    return fleet


@pytest.mark.parametrize(
    "words",
    [
        ("accounts",),
        ("changes",),
        ("who-has", "SELECT", "ON", "orders"),
        ("who-can", "SELECT", "ON", "orders"),
        ("findings",),
    ],
    ids=lambda words: words[0],
)
def test_lists_and_questions_choose_by_label(fleet: Fleet, whalefall: Run, words: tuple[str, ...]) -> None:
    every = whalefall(*words, "--format", "json")
    assert {row["instance"] for row in json.loads(every.stdout)} == {"one", "two"}, every.stderr
    chosen = whalefall(*words, "--format", "json", "--label", "env=prod")
    assert {row["instance"] for row in json.loads(chosen.stdout)} == {"one"}, chosen.stderr
    assert "two" not in chosen.stderr
    assert whalefall(*words, "--label", "env=none").returncode == 2


def test_a_sync_by_label_takes_those_and_no_others(fleet: Fleet, whalefall: Run, ledger: Engine) -> None:
    assert whalefall("sync", "--label", "env=prod", "--local").returncode == 1  # nothing listens there
    newest = "select session_id from sync_sessions order by started_at desc limit 1"
    records = f"select instance_name from sync_instance_records where sync_session_id = ({newest})"
    assert read(ledger, records) == [{"instance_name": "one"}]
    refused = whalefall("sync", "one", "--label", "env=prod", "--local")
    assert (refused.returncode, "--label KEY=VALUE" in refused.stderr) == (2, True)


def test_lists_of_what_was_done_choose_by_label_too(
    fleet: Fleet, whalefall: Run, ledger: Engine, tmp_path: Path
) -> None:
    """Sessions, alerts, waivers, reviews, credentials and the report, each with an instance of each kind in it."""
    with fleet.engine.connect() as connection:
        fleet.instances[:] = read_instances(connection)
    fleet.adapter.accounts.append(user("eve", rolsuper=True))
    for instance in fleet.instances:
        fleet.sync([instance], alerting=Alerting())
        words = ("--instance", instance.name, "--reason", "known", "--ticket", "T-1", "--expires", "9d")
        assert whalefall("waive", "add", "ALL-01", *words).returncode == 0
    label = ("--label", "env=prod", "-o", "json")
    sessions = json.loads(whalefall("sessions", *label).stdout)
    assert [row["total_instances"] for row in sessions] == [1, 2]
    for words in (("alerts", "list"), ("waive", "list"), ("credentials", "list")):
        assert {row["instance"] for row in json.loads(whalefall(*words, "-o", "json").stdout)} == {"one", "two"}, words
        assert {row["instance"] for row in json.loads(whalefall(*words, *label).stdout)} == {"one"}, words
        assert whalefall(*words, "--label", "env=none").returncode == 2, words
        assert "more" in whalefall(*words, "--limit", "1").stderr, words
    for name, chosen, found in (("both", (), {"one", "two"}), ("some", ("--label", "env=prod"), {"one"})):
        assert whalefall("review", "open", "--name", name, "--scope", "all", *chosen).returncode == 0
        rows = json.loads(whalefall("review", "show", "--name", name, "-o", "json").stdout)
        assert {row["instance"] for row in rows} == found
    rows = json.loads(whalefall("review", "show", "--name", "both", *label).stdout)
    assert {row["instance"] for row in rows} == {"one"}
    assert "more" in whalefall("review", "list", "--limit", "1").stderr
    assert whalefall("report", "--label", "env=prod", "--to", "report").returncode == 0
    assert "1, of which 1 were seen whole" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
