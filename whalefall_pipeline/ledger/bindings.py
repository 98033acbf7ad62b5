"""What a credential may be used for: the server, and the way to it, that it was registered with.

All options of an instance belong to it, not only those that name another server (`hostaddr`): some of the others decide
whether anybody on the way can read the password (`sslmode`, `tls`, `encrypt`). The database does not: no driver takes
a server from it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Json


@dataclass(frozen=True, slots=True)
class Binding:
    """The server that a credential is for, and the options of the way to it."""

    db_type: str
    host: str
    port: int
    options: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, instance: Instance) -> Self:
        """Return what a credential for an instance, as it is defined now, is bound to."""
        return cls(instance.db_type, instance.host, instance.port, dict(instance.options))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return what `to_json` made. Raises InvalidInstanceError for anything else."""
        try:
            return cls(value["db_type"], value["host"], int(value["port"]), dict(value["options"]))
        except (KeyError, TypeError, ValueError):
            raise InvalidInstanceError("what the credential is for can't be read; give it a new secret") from None

    def to_json(self) -> dict[str, Json]:
        """Return the binding as it is stored."""
        return {"db_type": self.db_type, "host": self.host, "port": self.port, "options": dict(self.options)}

    def diff(self, other: "Binding") -> dict[str, tuple[str, str]]:
        """Return the parts that differ, each with both values: `db_type`, `host`, `port`, `option NAME`."""
        ours, theirs = self.to_parts(), other.to_parts()
        names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
        return {name: (ours.get(name, "none"), theirs.get(name, "none")) for name in names}

    def to_parts(self) -> dict[str, str]:
        """Return each part by its name, as `diff` names them."""
        options = {to_option_part(name): str(value) for name, value in self.options.items()}
        return {"db_type": self.db_type, "host": self.host, "port": str(self.port), **options}

    def __str__(self) -> str:
        return f"{_show(self.host)}:{self.port}"


def to_option_part(name: str) -> str:
    """Return the name of an option as a part of a binding."""
    return f"option {name}"


def check_binding(bound: Binding, instance: Instance, named: Collection[str] = ()) -> None:
    """Raise InvalidInstanceError unless an instance is what its credential is bound to.

    `named` holds the parts that a person names again at this moment: these may differ.
    """
    differing = {part: values for part, values in bound.diff(Binding.of(instance)).items() if part not in named}
    if not differing:
        return
    said = "; ".join(f"{_show(part)} is {_show(now)} and was {_show(then)}" for part, (then, now) in differing.items())
    remedy = "remove the instance and register it under another name"
    if "db_type" not in differing:
        remedy = f"whalefall instances change {instance.name} {' '.join(map(_to_word, differing))}"
    raise InvalidInstanceError(
        f"{instance.name}'s credential is for {bound} and is sent nowhere else: {said}; to allow it: {remedy}"
    )


def _to_word(part: str) -> str:
    kind, _, name = part.partition(" ")
    return f"--option {_show(name)}=VALUE" if name else f"--{kind} {kind.upper()}"


def _show(text: str) -> str:
    return text if text.isprintable() else ascii(text)
