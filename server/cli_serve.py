"""`presentity serve`: the server in the foreground. Shell."""

from server.app import run_server
from server.cli_options import ConfigOption, SetOption, effective


def serve(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    run_server(effective(config, set_), lambda line: print(line, flush=True))
