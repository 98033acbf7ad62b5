"""Which rules hold for an instance: those of all engines, its engine's own, and those that a deployment adds."""

from dataclasses import dataclass

from whalefall_pipeline.core.findings import everywhere
from whalefall_pipeline.core.findings.evaluate import digest_rules
from whalefall_pipeline.core.findings.model import DEFAULT_OPTIONS, EngineFindings, Options, Rule


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A rule of one's own, and the engines that it is for; empty: all."""

    rule: Rule
    engines: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What a deployment says of rules; `source` is the document that it was read from."""

    options: Options = DEFAULT_OPTIONS
    own: tuple[OwnRule, ...] = ()
    source: object = None

    def list_rules(self, db_type: str, engine: EngineFindings) -> list[Rule]:
        """Return the rules that an engine's instances are asked, without those that are ignored."""
        own = [item.rule for item in self.own if not item.engines or db_type in item.engines]
        every = [*everywhere.RULES, *engine.rules, *own]
        return [rule for rule in every if rule.id not in self.options.ignore]

    def digest(self, rules: list[Rule]) -> bytes:
        """Return a digest of what findings are made by."""
        return digest_rules(rules, self.options, self.source)


DEFAULT_RULEBOOK = Rulebook()
