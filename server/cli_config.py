"""`presentity config`: the effective settings, with secrets masked. Shell."""

from server.cli_options import ConfigOption, SetOption, effective
from server.config import Settings
from server.config_values import masked_url
from server.settings_docs import settings_toml


def show(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Print the effective settings as TOML; passwords are masked."""
    print(as_toml(effective(config, set_)), end="")


def as_toml(settings: Settings) -> str:
    """`settings` as TOML, without the store's password."""
    values = settings.model_dump(mode="json", by_alias=True)
    values["store"]["url"] = masked_url(values["store"]["url"])
    return settings_toml(values)
