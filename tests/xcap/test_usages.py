"""RFC 4825 §8.2.5: schema, uniqueness and constraints of each application usage."""

from time import process_time

import pytest

from sip.uri import AoR
from xcap.errors import (
    Conflict,
    ConstraintFailure,
    NotUtf8,
    NotWellFormed,
    SchemaValidationError,
    UniquenessFailure,
)
from xcap.registry import USAGES
from xcap.uri import Tree
from xcap.usage import Place, Usage
from xcap.usages import oma_pres_rules, pidf_manipulation, pres_rules, resource_lists, rls_services

LISTS, SERVICES = resource_lists.USAGE, rls_services.USAGE
RULES, OMA_RULES = pres_rules.USAGE, oma_pres_rules.USAGE
PIDF = pidf_manipulation.USAGE
PLACE = Place(Tree.USERS, AoR("sip:joe@example.com"), "example.com")


def lists(inner: str) -> str:
    return f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">{inner}</resource-lists>'


def services(inner: str) -> str:
    return (
        '<rls-services xmlns="urn:ietf:params:xml:ns:rls-services"'
        f' xmlns:rl="urn:ietf:params:xml:ns:resource-lists">{inner}</rls-services>'
    )


def service(uri: str, content: str) -> str:
    return f'<service uri="{uri}">{content}</service>'


def by_reference(uri: str) -> str:
    return services(service("sip:s@example.com", f"<resource-list>{uri}</resource-list>"))


def ruleset(inner: str) -> str:
    return (
        '<ruleset xmlns="urn:ietf:params:xml:ns:common-policy"'
        ' xmlns:pr="urn:ietf:params:xml:ns:pres-rules"'
        f' xmlns:ocp="urn:oma:xml:xdm:common-policy">{inner}</ruleset>'
    )


JOES = "http://xcap.example.com/resource-lists/users/sip:joe@example.com/index"
NODE = "/~~/resource-lists/list%5b@name=%22l1%22%5d"


@pytest.mark.parametrize(
    ("usage", "document"),
    [
        (LISTS, lists("")),
        (LISTS, lists('<list name="a"/><list name="b"/><list/><list/>')),
        (LISTS, lists('<list name="a"><list name="a"/></list>')),
        (
            LISTS,
            lists(
                '<list name="a"><entry uri="x:1"/></list><list name="b"><entry uri="x:1"/></list>'
            ),
        ),
        (LISTS, lists('<list><entry uri="sip:a@b"/><entry uri="sip:A@b"/></list>')),
        (
            LISTS,
            lists(
                '<list><entry uri="u:1"><display-name xml:lang="de">B</display-name></entry>'
                '<entry-ref ref="resource-lists/users/sip:b@c/index/~~/x"/>'
                '<external anchor="https://x.example/resource-lists/users/a/index"/>'
                '<x:more xmlns:x="urn:x" y="1"><x:z/></x:more></list>'
            ),
        ),
        (SERVICES, services("")),
        (SERVICES, by_reference(JOES + NODE)),
        (SERVICES, by_reference(JOES.replace("sip:joe@example.com", "joe") + NODE)),
        (SERVICES, by_reference(JOES.replace("com/", "com:80/") + NODE.replace("~", "%7e"))),
        (
            SERVICES,
            services(
                service(
                    "sip:s@example.com",
                    '<list name="m"><rl:entry uri="sip:a@b"/></list>'
                    "<packages><package>presence</package></packages>",
                )
            ),
        ),
        (RULES, ruleset("")),
        (OMA_RULES, ruleset('<rule id="a"/>')),
        (
            OMA_RULES,
            ruleset(
                '<rule id="a"><conditions><ocp:other-identity/></conditions><actions>'
                "<pr:sub-handling>polite-block</pr:sub-handling></actions></rule>"
                '<rule id="b"><conditions><ocp:external-list><ocp:entry anc="http://x/y"/>'
                "</ocp:external-list></conditions></rule>"
            ),
        ),
        (
            PIDF,
            '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:joe@example.com"/>',
        ),
    ],
)
def test_what_is_accepted(usage: Usage, document: str) -> None:
    assert usage.validate(document.encode(), PLACE).tag == usage.root


REFUSED: list[tuple[Usage, str, type[Conflict]]] = [
    (LISTS, "", NotWellFormed),
    (LISTS, "<a", NotWellFormed),
    (LISTS, "<a/><b/>", NotWellFormed),
    (LISTS, "<p:a/>", NotWellFormed),
    (LISTS, '<?xml version="1.0" encoding="latin1"?><a/>', NotUtf8),
    (LISTS, "<!DOCTYPE a><a/>", ConstraintFailure),
    (LISTS, "<a>" * 100 + "</a>" * 100, ConstraintFailure),
    (LISTS, "<resource-lists/>", SchemaValidationError),
    (LISTS, services(""), SchemaValidationError),
    (LISTS, lists("<liszt/>"), SchemaValidationError),
    (LISTS, lists("text"), SchemaValidationError),
    (LISTS, lists("<list><entry/></list>"), SchemaValidationError),
    (LISTS, lists('<list size="3"/>'), SchemaValidationError),
    (LISTS, lists('<list name="a"/><list name="a"/>'), UniquenessFailure),
    (
        LISTS,
        lists('<list><entry-ref ref="http://a/b"/></list>'),
        ConstraintFailure,
    ),
    (LISTS, lists('<list><entry-ref ref="/b"/></list>'), ConstraintFailure),
    (LISTS, lists('<list><external anchor="b"/></list>'), ConstraintFailure),
    (
        LISTS,
        lists('<list><external anchor="ftp://b/c"/></list>'),
        ConstraintFailure,
    ),
    (SERVICES, services("<service/>"), SchemaValidationError),
    (SERVICES, services(service("sip:a@b", "")), SchemaValidationError),
    (
        SERVICES,
        services(service("sip:a@b", "<list/>") * 2),
        UniquenessFailure,
    ),
    (
        SERVICES,
        services(service("sip:a@b", '<list><rl:entry uri="x:y"/><rl:entry uri="x:y"/></list>')),
        UniquenessFailure,
    ),
    (SERVICES, by_reference("/resource-lists/users/joe/index"), ConstraintFailure),
    (SERVICES, by_reference(JOES), ConstraintFailure),
    (SERVICES, by_reference(JOES.replace("com/res", "com/root/res") + NODE), ConstraintFailure),
    (SERVICES, by_reference(JOES.replace("joe", "bob") + NODE), ConstraintFailure),
    (SERVICES, by_reference(JOES.replace("users/", "") + NODE), ConstraintFailure),
    (SERVICES, by_reference(JOES.replace("resource-", "") + NODE), ConstraintFailure),
    (SERVICES, by_reference(JOES.replace("sip:joe", "%FF") + NODE), ConstraintFailure),
    (
        SERVICES,
        by_reference(JOES.replace("index", "../sip:bob@example.com/index") + NODE),
        ConstraintFailure,
    ),
    (SERVICES, by_reference(JOES.replace("index", "%2E%2e/bob/index") + NODE), ConstraintFailure),
    (SERVICES, by_reference(JOES.replace("index", "a%2F..%2Fb") + NODE), ConstraintFailure),
    (SERVICES, by_reference(f"{JOES}/~~/"), ConstraintFailure),
    (LISTS, lists('<list><entry-ref ref="sip:a/b"/></list>'), ConstraintFailure),
    (LISTS, lists('<list><entry-ref ref=""/></list>'), ConstraintFailure),
    (LISTS, lists('<list><external anchor=""/></list>'), ConstraintFailure),
    (
        SERVICES,
        by_reference(f"http://x/pres-rules/users/joe/index/~~/{JOES}"),
        ConstraintFailure,
    ),
    (RULES, ruleset("<rule/>"), SchemaValidationError),
    (RULES, ruleset('<rule id="a"/><rule id="a"/>'), SchemaValidationError),
    (
        RULES,
        ruleset('<rule id="a"><actions><pr:sub-handling>maybe</pr:sub-handling></actions></rule>'),
        SchemaValidationError,
    ),
    (
        PIDF,
        '<presence xmlns="urn:ietf:params:xml:ns:pidf"/>',
        SchemaValidationError,
    ),
    (
        PIDF,
        '<person xmlns="urn:ietf:params:xml:ns:pidf:data-model" id="a"/>',
        SchemaValidationError,
    ),
]


@pytest.mark.parametrize(("usage", "document", "conflict"), REFUSED)
def test_what_is_refused_and_why(usage: Usage, document: str, conflict: type[Conflict]) -> None:
    with pytest.raises(Conflict) as refused:
        usage.validate(document.encode(), PLACE)
    assert type(refused.value) is conflict
    assert refused.value.phrase


@pytest.mark.parametrize(
    ("usage", "document", "fields"),
    [
        (
            LISTS,
            lists('<list name="a"/><list name="b"/><list name="a"/>'),
            ["resource-lists/list%5B3%5D/@name"],
        ),
        (
            LISTS,
            lists('<list><entry uri="x:1"/><list/><entry uri="x:1"/><entry uri="x:1"/></list>'),
            [
                "resource-lists/list/entry%5B2%5D/@uri",
                "resource-lists/list/entry%5B3%5D/@uri",
            ],
        ),
        (
            SERVICES,
            services(service("sip:a@b", "<list/>") * 2),
            ["rls-services/service%5B2%5D/@uri"],
        ),
        (
            SERVICES,
            services(service("sip:a@b", '<list><rl:list name="a"/><rl:list name="a"/></list>')),
            [
                "rls-services/service/list/rl:list%5B2%5D/@name"
                "?xmlns(rl=urn:ietf:params:xml:ns:resource-lists)"
            ],
        ),
    ],
)
def test_a_uniqueness_failure_names_each_field(
    usage: Usage, document: str, fields: list[str]
) -> None:
    """RFC 4825 §11.1: a node selector from the root element on, prefixes bound in the query."""
    with pytest.raises(UniquenessFailure) as refused:
        usage.validate(document.encode(), PLACE)
    assert [exists.field for exists in refused.value.exists] == fields


def test_in_the_global_tree_a_list_may_be_anybodys() -> None:
    """RFC 4826 §4.4.5: the XUI is compared in the users tree only."""
    place = Place(Tree.GLOBAL, AoR(""), "example.com")
    SERVICES.validate(by_reference(JOES + NODE).encode(), place)
    with pytest.raises(ConstraintFailure):
        SERVICES.validate(by_reference(JOES.replace("users/", "") + NODE).encode(), place)


@pytest.mark.parametrize(
    ("root", "public_root", "path", "accepted"),
    [
        ("/xcap-root", "", "/xcap-root", True),
        ("/xcap-root", "", "", False),
        ("/xcap-root", "", "/xcap-root2", False),
        ("/xcap-root", "/public", "/public", True),
        ("/xcap-root", "/public", "/xcap-root", True),
        ("/xcap-root", "/public", "/other", False),
        ("", "/public", "", True),
    ],
)
def test_a_list_is_below_the_same_root(
    root: str, public_root: str, path: str, accepted: bool
) -> None:
    """RFC 4826 §4.1: as this server knows its root, or as clients behind a front end do."""
    place = Place(Tree.USERS, PLACE.owner, "example.com", "index", root, public_root)
    document = by_reference(JOES.replace("com/res", f"com{path}/res") + NODE).encode()
    if accepted:
        SERVICES.validate(document, place)
    else:
        with pytest.raises(ConstraintFailure, match="below the XCAP root"):
            SERVICES.validate(document, place)


def test_no_two_usages_share_a_name() -> None:
    """RFC 4825 §5.1."""
    assert len({usage.auid for usage in USAGES}) == len(USAGES)


def test_a_document_of_nothing_but_repetitions_is_refused_at_once() -> None:
    """A report of ten fields says enough, and the cost stays in proportion."""
    entries = '<entry uri="x:y"/>' * 9_000
    began = process_time()
    with pytest.raises(UniquenessFailure) as refused:
        LISTS.validate(lists(f"<list>{entries}</list>").encode(), PLACE)
    assert len(refused.value.exists) == 10
    assert process_time() - began < 1.0
