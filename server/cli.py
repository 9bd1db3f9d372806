"""The `presentity` command line. Shell; each command has its module.

Only the module of the command that was named is imported: a client need not wait for the
libraries of the server, which take most of a second to load.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

import typer

from server.cli_options import fail
from server.errors import ServerError

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "serve": ("server.cli_serve", "serve"),
    "config": ("server.cli_config", "show"),
    "user": ("server.cli_users", "app"),
    "db": ("server.cli_db", "app"),
    "register": ("server.cli_sip", "register"),
    "publish": ("server.cli_sip", "publish"),
    "watch": ("server.cli_sip", "watch"),
    "xcap": ("server.cli_xcap", "app"),
    "drain": ("server.cli_drain", "drain"),
    "documents": ("server.cli_documents", "app"),
    "watchers": ("server.cli_watchers", "app"),
}
"""Module and attribute of each command, which is a function or a group of commands."""


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The command that `arguments` begin with, or all when they name none."""
    app = typer.Typer(
        name="presentity",
        help="A SIP presence and XCAP application server.",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_nothing)
    named = [name for name in arguments[:1] if name in COMMANDS]
    for name in named or COMMANDS:
        module, attribute = COMMANDS[name]
        command = getattr(import_module(module), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _nothing() -> None:
    """A SIP presence and XCAP application server."""


def main() -> None:
    """Run the command named by the arguments of the process."""
    try:
        command_line(sys.argv[1:])(prog_name="presentity")
    except ServerError as error:
        fail(error)
