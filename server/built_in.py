"""The event packages of this server, made as the settings say."""

from functools import partial

from presence.document.composition import POLICIES
from presence.package import EventPackage
from presence.packages.conference.package import conference_package
from presence.packages.dialog.package import dialog_package
from presence.packages.dialog.phones import Quirks
from presence.packages.message_summary.package import message_summary_package
from presence.packages.presence import Sources, presence_package
from presence.packages.ua_profile.package import ua_profile_package
from presence.partial.package import with_partial
from presence.presentity import presentity_of
from server.config import Settings
from server.config_presence import UNSAID
from server.errors import ServerError
from server.parts import presence_config, xcap_config, xcap_root_url
from server.profiles_service import ProfileDirectory
from xcap.diff.package import xcap_diff_package
from xcap.diff.reader_service import Listings, Reading


def built_in(
    settings: Settings,
    store: Listings,
    documents: Reading,
    profiles: ProfileDirectory,
    sources: Sources | None = None,
) -> list[EventPackage]:
    """Those of this server; a new one is a line here."""
    interval, config = settings.presence.notify_interval, presence_config(settings)
    return [
        with_partial(
            presence_package(
                min_interval=interval,
                neutral=config.neutral,
                policy=POLICIES[config.composition],
                sources=sources,
                presentity=partial(presentity_of, tel_domain=config.tel_domain),
            )
        ),
        xcap_diff_package(
            service=documents,
            store=store,
            config=xcap_config(settings),
            root_url=xcap_root_url(settings),
            min_interval=interval,
        ),
        dialog_package(phones=phones(settings)),
        message_summary_package(),
        conference_package(min_interval=interval),
        _ua_profile(settings, profiles),
    ]


def phones(settings: Settings) -> dict[str, Quirks]:
    """What the options of the package `dialog` say of User-Agents, by how they begin."""
    said: dict[str, Quirks] = {}
    for start, text in settings.presence.packages.get("dialog", UNSAID).options.items():
        try:
            said[start] = Quirks.parse(str(text))
        except ValueError as error:
            raise ServerError(f"presence.packages.dialog.options.{start}: {error}") from None
    return said


def _ua_profile(settings: Settings, profiles: ProfileDirectory) -> EventPackage:
    policy = settings.presence.packages.get("ua-profile", UNSAID).default_policy
    return ua_profile_package(
        domains=frozenset(settings.domains),
        exists=profiles.exists,
        provide=profiles.provide,
        default_policy="block" if policy is None else policy.value,
        effective_by=effective_by(settings),
    )


def effective_by(settings: Settings) -> int | None:
    """Seconds that the options of the package `ua-profile` leave to devices; None: their own."""
    options = settings.presence.packages.get("ua-profile", UNSAID).options
    for name, value in options.items():
        key = f"presence.packages.ua-profile.options.{name}"
        if name != "effective_by":
            raise ServerError(f"{key}: unknown key")
        if type(value) is not int or value < 0:
            raise ServerError(f"{key}: {value!r} is no number of seconds")
    return options.get("effective_by")
