"""`beckon schema`: the JSON Schema of plan files."""

from __future__ import annotations

from flows.commands.console import write_json

EXAMPLE = "beckon schema"


def schema() -> None:
    """Print the JSON Schema of a plan's files, for editors."""
    from schemas.plan_files import plan_schema

    write_json(plan_schema())
