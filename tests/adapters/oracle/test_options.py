"""What an Oracle instance may say of the way to its server."""

from pathlib import Path

import pytest

from whalefall_pipeline.adapters.oracle.options import KNOWN_OPTIONS, THICK_ONLY, check_options, to_endpoint
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login, Security

LOGIN = Login("whalefall", "s3cret")
PLAIN = Security(encrypted=False, verified=False)


def make_instance(database: str | None = "SALES", **options: str) -> Instance:
    return Instance(1, "oracle", "oracle", "db.example", 1521, database, options=options)


def test_the_database_is_the_service_unless_the_options_name_one() -> None:
    assert to_endpoint(make_instance(), LOGIN, {}).service_name == "SALES"
    assert to_endpoint(make_instance(service_name="HR"), LOGIN, {}).service_name == "HR"
    target = to_endpoint(make_instance(sid="ORCL"), LOGIN, {})
    assert (target.service_name, target.sid) == (None, "ORCL")


def test_an_unknown_option_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidInstanceError) as caught:
        to_endpoint(make_instance(servicename="HR"), LOGIN, {})
    assert "servicename" in str(caught.value)
    assert all(name in str(caught.value) for name in KNOWN_OPTIONS)


@pytest.mark.parametrize(
    ("database", "options", "words"),
    [
        (None, {}, "no service"),
        ("SALES", {"service_name": "HR", "sid": "ORCL"}, "service_name and sid are set"),
        ("SALES", {"protocol": "https"}, "one of: tcp, tcps"),
        ("SALES", {"protocol": "tcps", "ssl_server_dn_match": "maybe"}, "one of: on, off"),
        ("SALES", {"wallet_location": "/wallet"}, "without protocol=tcps"),
        ("SALES", {"sid": "ORCL", "connect_descriptor": "(DESCRIPTION=)"}, "sid and connect_descriptor are set"),
        (
            "SALES",
            {"protocol": "tcps", "connect_descriptor": "(DESCRIPTION=)"},
            "protocol: connect_descriptor says",
        ),
        ("SALES", {"connect_descriptor": "db.example/SALES"}, "for a name of tnsnames.ora set tns_alias"),
        ("SALES", {"tns_alias": "SALES"}, "need each other"),
        ("SALES", {"config_dir": "/etc"}, "need each other"),
        ("SALES", {"tns_alias": "config-file:///x", "config_dir": "/etc"}, "no name as tnsnames.ora has them"),
        ("SALES)(HOST=evil.example", {}, "no name on Oracle's network has"),
        ("SALES", {"sid": "ORCL)(X=Y"}, "no name on Oracle's network has"),
        ("SALES", {"protocol": "tcps", "ssl_server_cert_dn": 'CN=x")(HOST=y'}, "a connect descriptor can't hold"),
        ("SALES", {"login": "token"}, "needs protocol=tcps"),
        ("SALES", {"login": "ldap"}, "one of: password, token"),
    ],
)
def test_what_can_not_be_used_is_said(database: str | None, options: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInstanceError, match=words):
        to_endpoint(make_instance(database, **options), LOGIN, {})


@pytest.mark.parametrize("way", sorted(THICK_ONLY))
def test_what_the_driver_can_not_do_is_refused_with_the_reason(way: str) -> None:
    with pytest.raises(InvalidInstanceError, match="need Oracle's client libraries, which are not used here"):
        check_options({"login": way})


def test_a_descriptor_takes_the_place_of_what_a_deployment_sets() -> None:
    defaults = {"protocol": "tcps", "ssl_ca_file": "/ca"}
    target = to_endpoint(make_instance(connect_descriptor="(DESCRIPTION=)"), LOGIN, defaults)
    assert (target.descriptor, target.service_name, target.ssl_ca_file) == ("(DESCRIPTION=)", None, "/ca")
    assert str(target) == "db.example:1521 (connect descriptor)"


@pytest.mark.parametrize(
    ("options", "security"),
    [
        ({}, (False, False)),
        ({"protocol": "tcps"}, (True, True)),
        ({"protocol": "tcps", "ssl_server_dn_match": "off"}, (True, False)),
    ],
)
def test_what_is_encrypted_and_verified_is_told(options: dict[str, str], security: tuple[bool, bool]) -> None:
    assert to_endpoint(make_instance(**options), LOGIN, {}).security == security


def test_an_instance_overrides_the_deployments_options() -> None:
    defaults = {"protocol": "tcps", "ssl_server_dn_match": "off"}
    target = to_endpoint(make_instance(ssl_server_dn_match="on"), LOGIN, defaults)
    assert (target.protocol, target.ssl_server_dn_match) == ("tcps", True)


def test_the_password_is_in_no_repr() -> None:
    target = to_endpoint(make_instance(), LOGIN, {})
    assert "s3cret" not in repr(target) + str(target)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, PLAIN),
        ({"tls": "disabled"}, PLAIN),
        ({"tls": "required"}, Security(encrypted=True, verified=False)),
        ({"tls": "verify-ca", "tls_ca": "ca.pem"}, Security(encrypted=True, verified=True)),
        ({"tls": "verify-full", "tls_ca": "ca.pem", "tls_cert": "c.pem"}, Security(encrypted=True, verified=True)),
        ({"protocol": "tcps"}, Security(encrypted=True, verified=True)),
    ],
)
def test_the_words_of_tls_say_what_is_verified(options: dict[str, str], expected: Security) -> None:
    assert to_endpoint(make_instance(**options), LOGIN, {}).security == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tls": "preferred"}, "a port of Oracle's speaks TLS or it does not"),
        ({"tls": "on"}, "one of: disabled, required, verify-ca, verify-full"),
        ({"tls": "required", "protocol": "tcps"}, "options tls and protocol say the same thing"),
        ({"tls": "verify-ca", "ssl_server_dn_match": "on"}, "options tls and ssl_server_dn_match"),
        ({"tls": "verify-ca", "connect_descriptor": "(DESCRIPTION=)"}, "options tls and connect_descriptor"),
        ({"tls_ca": "ca.pem"}, "tls_ca has no effect without tls"),
        ({"tls": "verify-ca", "tls_key": "k.pem"}, "tls_key needs tls_cert"),
        ({"tls": "verify-ca", "login": "token"}, "login=token needs"),
    ],
)
def test_words_that_no_connection_can_be_made_with_are_said(options: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInstanceError, match=said):
        to_endpoint(make_instance(**options), LOGIN, {})


def test_a_descriptor_takes_the_files_of_tls_and_not_its_word(tmp_path: Path) -> None:
    described = {"connect_descriptor": "(DESCRIPTION=(ADDRESS=(PROTOCOL=tcps)))"}
    theirs = {"tls": "verify-full", "tls_ca": "theirs.pem"}
    for own, files in (({}, "theirs.pem"), ({"tls_ca": "ours.pem"}, "ours.pem")):
        target = to_endpoint(make_instance(**described, **own), LOGIN, theirs)
        assert (target.descriptor, target.ssl_ca_file) == (described["connect_descriptor"], files)
    alias = {"tns_alias": "SALES", "config_dir": str(tmp_path)}
    assert to_endpoint(make_instance(**alias), LOGIN, theirs).ssl_ca_file == "theirs.pem"


def test_an_instance_s_own_way_to_name_tls_takes_the_place_of_the_deployment_s() -> None:
    theirs = {"protocol": "tcps", "ssl_ca_file": "theirs.pem"}
    target = to_endpoint(make_instance(tls="verify-ca", tls_ca="ours.pem"), LOGIN, theirs)
    assert (target.protocol, target.ssl_ca_file, target.ssl_server_dn_match) == ("tcps", "ours.pem", False)
    assert to_endpoint(make_instance(protocol="tcp"), LOGIN, {"tls": "verify-full"}).protocol == "tcp"
