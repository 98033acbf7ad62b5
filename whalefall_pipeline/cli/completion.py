"""`whalefall completion`: what a shell runs to complete commands, options, and names of instances and accounts.

A name is data: the scripts quote what they insert, and nothing that a name says is ever run.
"""

import os
import shlex
import sys
from enum import StrEnum
from importlib import resources
from typing import Annotated

import typer

from whalefall_pipeline.cli.output import write


class Shell(StrEnum):
    """The shells that can be helped."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def print_completion(
    shell: Annotated[Shell, typer.Argument(help="The shell that you use.")],
) -> None:
    """Print what makes a shell complete commands and names.

    bash: source <(whalefall completion bash); zsh: source <(whalefall completion zsh), after compinit;
    fish: whalefall completion fish | source. Put that into the file that your shell reads when it starts.
    """
    script = resources.files("whalefall_pipeline.cli").joinpath(f"completion.{shell}")
    write(sys.stdout, script.read_text(encoding="utf-8"))


def prepare_completion(line: str) -> None:
    """Put a line, up to the cursor, where typer looks for it: each candidate is then printed on a line of its own."""
    from typer.completion import get_completion_inspect_parameters  # noqa: PLC0415 - only shells need it

    get_completion_inspect_parameters()  # registers the shells
    try:
        words = shlex.split(line)
    except ValueError:  # a quote is still open
        words = line.split()
    os.environ["COMP_WORDS"] = line
    os.environ["COMP_CWORD"] = str(len(words) - (0 if line[-1:].isspace() else 1))
    os.environ["_WHALEFALL_COMPLETE"] = "complete_bash"
