"""Who asks, as far as the conditions of RFC 4745 tell watchers apart (§7.1, §7.2). Pure.

Deviation: `<identity/>` without children, which RFC 5025 §3.1.1.2 calls the one that matches who
is not authenticated, matches nobody: RFC 4745 §7.1.1 makes it an OR of nothing, and its schema
does not have it. A rule for everybody has no identity element.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from lxml import etree

from presence.rules.names import POLICY
from presence.rules.uris import domain_key, uri_key

IDENTITY: Final = f"{{{POLICY}}}identity"
ONE: Final = f"{{{POLICY}}}one"
MANY: Final = f"{{{POLICY}}}many"
EXCEPT: Final = f"{{{POLICY}}}except"
ANY_DOMAIN: Final = ""


@dataclass(frozen=True, slots=True)
class Many:
    """All watchers of a domain, or all that are authenticated, but for some (§7.1.3)."""

    except_ids: frozenset[str]
    except_domains: frozenset[str]

    @classmethod
    def parse(cls, element: etree._Element) -> Self | None:
        """The element, but for its domain; None when it cannot be told whom it leaves out."""
        ids, domains = set(), set()
        for child in element:
            identity, domain = child.get("id"), child.get("domain")
            if child.tag != EXCEPT or (identity is None and domain is None):
                return None
            if identity is not None:
                ids.add(uri_key(identity))
            if domain is not None:
                domains.add(domain_key(domain))
        return cls(frozenset(ids), frozenset(name for name in domains if name is not None))

    def holds(self, watcher: str, domain: str | None) -> bool:
        """Whether `watcher` is no exception; exceptions are combined by OR (§7.1.3)."""
        return watcher not in self.except_ids and domain not in self.except_domains


NO_MANIES: Final[Mapping[str, tuple[Many, ...]]] = {}


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity condition: true when any of its children is (§7.1.1).

    Children of namespaces that nobody here knows are false, so they leave no trace.
    """

    ones: frozenset[str]
    """As `uri_key` spells them."""
    manies: Mapping[str, tuple[Many, ...]]
    """By domain; those without one under ANY_DOMAIN."""

    @classmethod
    def parse(cls, element: etree._Element) -> Self:
        """The condition `element`."""
        ones: set[str] = set()
        manies: dict[str, set[Many]] = {}
        for child in element:
            if child.tag == ONE:
                ones.add(uri_key(child.get("id") or ""))
            elif child.tag == MANY:
                named = child.get("domain")
                domain = ANY_DOMAIN if named is None else domain_key(named)
                many = Many.parse(child)
                if many is not None and domain is not None:
                    manies.setdefault(domain, set()).add(many)
        scopes = {domain: tuple(each) for domain, each in manies.items()}
        return cls(frozenset(ones), scopes or NO_MANIES)

    def holds(self, watcher: str | None, domain: str | None) -> bool:
        """Whether it is true of `watcher`; None is who is not authenticated (§7.1.1)."""
        if watcher is None:
            return False
        if watcher in self.ones:
            return True
        if not self.manies:
            return False
        scopes = (ANY_DOMAIN,) if domain is None else (ANY_DOMAIN, domain)
        manies = (many for scope in scopes for many in self.manies.get(scope, ()))
        return any(many.holds(watcher, domain) for many in manies)
