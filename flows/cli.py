"""`beckon`: the command line. Commands are in `flows.commands`, one file each; this file puts them together and ends the process.

Exit codes: 0 fine, 1 findings, 2 wrong usage, 3 a component is unavailable (`schemas.errors`). An error for the user is one sentence on
standard error; any other exception is a bug and shows its traceback, without the values of variables, which may be personal.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from flows.commands import (
    audit,
    collect,
    demo,
    duplicates,
    explain,
    imports,
    lint,
    person,
    plan,
    profile,
    rejects,
    replay,
    run,
    schema,
    test,
    verify,
)
from flows.commands.console import say
from schemas.errors import BeckonError, FindingsError, UnavailableError

app = typer.Typer(
    name="beckon",
    help="Tracking events in, exact segments and exactly-once triggers out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _example(*commands: str) -> str:
    """The end of a command's help. Each line of it is a paragraph: rich joins the lines of one."""
    return "\n\n".join(["Example:" if len(commands) == 1 else "Examples:", *(f"$ {command}" for command in commands)])


app.command("run", epilog=_example(*run.EXAMPLES))(run.run)
app.command("collect", epilog=_example(*collect.EXAMPLES))(collect.collect)
app.command("lint", epilog=_example(*lint.EXAMPLES))(lint.lint)
app.command("test", epilog=_example(*test.EXAMPLES))(test.test)
app.command("replay", epilog=_example(*replay.EXAMPLES))(replay.replay)
app.add_typer(plan.plan, name="plan")
app.command("explain", epilog=_example(*explain.EXAMPLES))(explain.explain)
app.add_typer(profile.profile, name="profile")
app.add_typer(rejects.rejects, name="rejects")
app.add_typer(duplicates.duplicates, name="duplicates")
app.command("verify", epilog=_example(*verify.EXAMPLES))(verify.verify)
app.add_typer(person.person, name="person")
app.command("audit", epilog=_example(audit.EXAMPLE))(audit.audit)
app.add_typer(imports.imports, name="import")
app.command("demo", epilog=_example(demo.EXAMPLE))(demo.demo)
app.command("schema", epilog=_example(schema.EXAMPLE))(schema.schema)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"beckon {version('beckon')}")
        raise typer.Exit


@app.callback()
def _beckon(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")] = False,
) -> None:
    """Holds the options before a command."""


def main() -> None:
    """Runs the command that `sys.argv` names, and ends the process."""
    try:
        app(prog_name="beckon")
    except FindingsError as error:
        sys.stderr.write(f"{error}\n")
        say(f"the {error.of} has {len(error.findings)} finding{'s' if len(error.findings) > 1 else ''}; nothing was read")
        sys.exit(error.exit_code)
    except UnavailableError as error:
        say(str(error))
        sys.stdout.flush()
        # At once: threads of Bytewax's network and of librdkafka may still be at work, and Python would abort when it meets them.
        os._exit(error.exit_code)
    except BeckonError as error:
        say(str(error))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
