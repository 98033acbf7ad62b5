"""Which options an instance of PostgreSQL may have: pure functions."""

from collections.abc import Mapping

from whalefall_pipeline.core.errors import InvalidInstanceError

SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
OPTIONS = frozenset(
    {
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir", "sslcertmode", "sslsni"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "sslnegotiation", "channel_binding"),
        *("gssencmode", "krbsrvname", "gsslib", "require_auth", "target_session_attrs", "hostaddr"),
        *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
    }
)
"""Options of an instance, under libpq's names; https://www.postgresql.org/docs/current/libpq-connect.html."""


def check_options(options: Mapping[str, str]) -> None:
    """Raise InvalidInstanceError for an option, or an sslmode, that libpq does not know."""
    unknown = sorted(options.keys() - OPTIONS)
    if unknown:
        raise InvalidInstanceError(
            f"PostgreSQL has no option {', '.join(unknown)}; options are: {', '.join(sorted(OPTIONS))}"
        )
    if options.get("sslmode", "prefer") not in SSL_MODES:
        raise InvalidInstanceError(f"sslmode is one of {', '.join(sorted(SSL_MODES))}, not {options['sslmode']}")
