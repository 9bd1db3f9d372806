"""The `presentity` command line. Shell; each group of commands has its module."""

import typer

from server import cli_config, cli_db, cli_serve, cli_sip, cli_users, cli_xcap
from server.cli_options import fail
from server.errors import ServerError

app = typer.Typer(
    name="presentity",
    help="A SIP presence and XCAP application server.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(cli_serve.serve)
app.command("config")(cli_config.show)
app.add_typer(cli_users.app, name="user")
app.add_typer(cli_db.app, name="db")
app.command("register")(cli_sip.register)
app.command("publish")(cli_sip.publish)
app.command("watch")(cli_sip.watch)
app.add_typer(cli_xcap.app, name="xcap")


def main() -> None:
    """Run the command named by the arguments of the process."""
    try:
        app(prog_name="presentity")
    except ServerError as error:
        fail(error)
