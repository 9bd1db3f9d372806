"""Dialog information as published, and a watcher that keeps the table of RFC 4235 §4.3."""

from dataclasses import dataclass, field

from presence.package import EventPackage, PackageState, Telling, Told
from presence.packages.dialog.document import CONTENT_TYPE
from presence.packages.dialog.package import dialog_package
from presence.view import View
from store.values import Publication
from tests.presence.fakes import ALICE, BOB
from xmldoc.parse import parse
from xmldoc.schema import schema

NS = "urn:ietf:params:xml:ns:dialog-info"
DIALOG = f"{{{NS}}}dialog"
STATE = f"{{{NS}}}state"


def dialog(
    name: str,
    state: str,
    *,
    call: str | None = "",
    tags: str = "l/r",
    more: str = "",
    why: str = "",
) -> str:
    """One dialog; its Call-ID is made of its name unless `call` says it, None for none at all."""
    local, _, remote = tags.partition("/")
    ids = "" if call is None else f' call-id="{call or name + "@pbx"}"'
    if call is not None:
        ids += f' local-tag="{local}"' if local else ""
        ids += f' remote-tag="{remote}"' if remote else ""
    return f'<dialog id="{name}"{ids}><state{why}>{state}</state>{more}</dialog>'


def info(*dialogs: str, entity: str = ALICE, state: str = "full") -> bytes:
    """A document of these dialogs."""
    inner = "".join(dialogs)
    return (
        f'<dialog-info xmlns="{NS}" version="7" state="{state}" entity="{entity}">{inner}'
        "</dialog-info>"
    ).encode()


def publication(body: bytes, name: str = "p", at: float = 1.0) -> Publication:
    return Publication(name, f"{name}.1", at + 3600, CONTENT_TYPE, body, at)


def rows(document: bytes) -> dict[str, str]:
    """What a document says: states by id."""
    root = parse(document)
    assert schema("dialog-info").check(root) is None
    return {one.get("id", ""): one.findtext(STATE) or "" for one in root.iter(DIALOG)}


@dataclass
class Watcher:
    """One subscription, told what a server would tell it; every NOTIFY is answered."""

    content: str = "standard\n"
    parameters: str = ""
    grant: str | None = None
    package: EventPackage = field(default_factory=dialog_package)
    table: dict[str, str] = field(default_factory=dict)
    versions: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    memory: object = None

    def shown(self, *publications: Publication) -> bytes:
        package, state = self.package, PackageState(publications)
        assert package.render is not None
        return package.render(
            ALICE, state, package.compose(ALICE, state), View(CONTENT_TYPE, self.grant)
        )

    def tell(self, *publications: Publication, full: bool = False, version: int = 0) -> Told:
        assert self.package.tell is not None
        told = self.package.tell(
            Telling(
                aor=ALICE,
                watcher=BOB,
                parameters=self.parameters,
                state=PackageState(publications),
                view=View(CONTENT_TYPE, self.grant),
                version=version,
                full=full or self.memory is None,
                memory=None if full else self.memory,
                content=self.content,
                answered=self.memory,
                shown=self.shown(*publications),
            )
        )
        assert told is not None
        return told

    def hear(self, *publications: Publication, full: bool = False) -> dict[str, str]:
        """Be told, and keep the table; what the document said, {} when there was none."""
        told = self.tell(*publications, full=full, version=len(self.versions))
        self.memory = told.memory
        if not told.body:
            return {}
        self.bodies.append(told.body)
        root = parse(told.body)
        self.versions.append(int(root.get("version", "-1")))
        said = rows(told.body)
        if root.get("state") == "full":
            self.table = {}
        self.table |= said
        self.table = {name: state for name, state in self.table.items() if state != "terminated"}
        return said
