"""`presentity db upgrade|check`: the schema of the store. Shell."""

import typer

from server.cli_options import ConfigOption, SetOption, effective
from server.config_values import masked_url
from server.database import told_in_one_line
from store import migrate

app = typer.Typer(help="The database schema.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Bring the schema up to this version; creates it in an empty database."""
    url = effective(config, set_).store.url
    with told_in_one_line():
        migrate.upgrade(url)
    print(f"{masked_url(url)}: up to date")


@app.command("check")
def check(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Exit non-zero unless the schema is what this version needs."""
    url = effective(config, set_).store.url
    with told_in_one_line():
        migrate.check(url)
    print(f"{masked_url(url)}: up to date")
