"""`presentity serve`: the server in the foreground. Shell."""

from server.cli_options import ConfigOption, SetOption, effective


def serve(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    settings = effective(config, set_)
    # Not before the settings are known to be good: a mistake in them is told at once.
    from server.app import run_server

    run_server(settings, lambda line: print(line, flush=True))
