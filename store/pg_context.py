"""What the PostgreSQL modules of one store share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from store.pg_link import ATTEMPTS, SETTINGS, Link
from store.stats import StoreStats


@dataclass(slots=True)
class PgContext:
    """The database, this process, and whether anybody else needs to be told."""

    dsn: str
    owner: str
    stats: StoreStats
    peers: bool
    """Another process may be alive: changes go to the feed."""
    links: list[Link] = field(default_factory=list)

    def link(
        self, name: str, settings: Mapping[str, str] = SETTINGS, attempts: int = ATTEMPTS
    ) -> Link:
        """Make a connection of its own, closed with the store."""
        title = f"presentity {self.owner} {name}"
        link = Link(
            self.dsn, name=title[:63], stats=self.stats, settings=settings, attempts=attempts
        )
        self.links.append(link)
        return link
