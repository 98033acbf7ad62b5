"""Reads the rules file that a deployment names, once at the begin of a session."""

from collections.abc import Mapping
from pathlib import Path

from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.findings import everywhere
from whalefall_pipeline.core.findings.own import parse_rulebook
from whalefall_pipeline.core.findings.rulebook import DEFAULT_RULEBOOK, Rulebook
from whalefall_pipeline.settings import Settings
from whalefall_pipeline.system import read_plain

LARGEST = 1_000_000
"""Bytes of a rules file."""


def load_rulebook(settings: Settings, adapters: Mapping[str, Adapter]) -> Rulebook:
    """Return the rulebook of a deployment; without a file, the rules that there are. `adapters` are by `db_type`.

    Raises InvalidInputError in one line, with the file and the place in it, for one that is not usable.
    """
    return DEFAULT_RULEBOOK if settings.rules is None else read_rulebook(settings.rules, adapters)


def read_rulebook(path: Path, adapters: Mapping[str, Adapter]) -> Rulebook:
    """Return what a rules file says. Raises InvalidInputError in one line, with the file and the place in it."""
    import yaml  # noqa: PLC0415 - takes longer to import than most commands to answer

    try:
        document: object = yaml.safe_load(read_plain(path, LARGEST))
    except OSError as error:
        raise InvalidInputError(f"{path} can't be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise InvalidInputError(f"{path}{f', line {mark.line + 1}' if mark else ''}: it is no YAML") from None
    try:
        return build_rulebook(document, adapters)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None


def build_rulebook(document: object, adapters: Mapping[str, Adapter]) -> Rulebook:
    """Return what the document of a rules file says; None: the rules that there are.

    Raises InvalidInputError in one line, with the place in it, for one that is not usable.
    """
    if document is None:
        return DEFAULT_RULEBOOK
    every = [*everywhere.RULES, *(rule for adapter in adapters.values() for rule in adapter.findings.rules)]
    return parse_rulebook(document, adapters, [rule.id for rule in every])
