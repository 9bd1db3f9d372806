"""Documents of OMA, 3GPP and OpenXCAP usages: what is accepted, and what is refused and why."""

from base64 import b64encode
from xml.sax.saxutils import quoteattr

import pytest

from sip.uri import AoR
from xcap.errors import Conflict, ConstraintFailure, SchemaValidationError, UniquenessFailure
from xcap.uri import Tree
from xcap.usage import Place, Usage
from xcap.usages import (
    dialog_rules,
    groups,
    oma_pres_rules,
    pres_content,
    pres_rules,
    simservs,
    test_app,
    user_profile,
)

RULES, OMA_RULES, DIALOG_RULES = pres_rules.USAGE, oma_pres_rules.USAGE, dialog_rules.USAGE
CONTENT, PROFILE = pres_content.USAGE, user_profile.USAGE
GROUPS, SIMSERVS, TEST_APP = groups.USAGE, simservs.USAGE, test_app.USAGE
PLACE = Place(Tree.USERS, AoR("sip:joe@example.com"), "example.com", "index", "/xcap-root")

PNG = b"\x89PNG\r\n\x1a\n rest"
JPEG = b"\xff\xd8\xff\xe0 rest"


def ruleset(inner: str) -> str:
    return (
        '<ruleset xmlns="urn:ietf:params:xml:ns:common-policy"'
        ' xmlns:pr="urn:ietf:params:xml:ns:pres-rules"'
        ' xmlns:opr="urn:oma:xml:prs:pres-rules"'
        ' xmlns:dr="http://openxcap.org/ns/dialog-rules"'
        f' xmlns:ocp="urn:oma:xml:xdm:common-policy">{inner}</ruleset>'
    )


def rule(conditions: str = "", handling: str = "", shown: str = "") -> str:
    actions = f"<pr:sub-handling>{handling}</pr:sub-handling>" if handling else ""
    return ruleset(
        f'<rule id="a"><conditions>{conditions}</conditions><actions>{actions}</actions>'
        f"<transformations>{shown}</transformations></rule>"
    )


def content(*, media_type: str = "image/png", encoding: str = "base64", data: str) -> str:
    return (
        '<content xmlns="urn:oma:xml:prs:pres-content">'
        f"<mime-type>{media_type}</mime-type><encoding>{encoding}</encoding>"
        f'<description xml:lang="en">me</description><data>{data}</data></content>'
    )


def icon(image: bytes, media_type: str = "image/png") -> str:
    return content(media_type=media_type, data=b64encode(image).decode())


def profile(uri: str, inner: str = "") -> str:
    return (
        '<user-profiles xmlns="urn:oma:xml:xdm:user-profile">'
        f"<user-profile uri={quoteattr(uri)}>{inner}</user-profile></user-profiles>"
    )


def group(inner: str) -> str:
    return (
        '<group xmlns="urn:oma:xml:poc:list-service"'
        ' xmlns:rl="urn:ietf:params:xml:ns:resource-lists"'
        ' xmlns:cp="urn:ietf:params:xml:ns:common-policy"'
        f' xmlns:mg="urn:3gpp:ns:mcpttGroupInfo:1.0">{inner}</group>'
    )


def list_service(inner: str, uri: str = "sip:team@example.com") -> str:
    return f'<list-service uri="{uri}">{inner}</list-service>'


def services(inner: str) -> str:
    return (
        '<simservs xmlns="http://uri.etsi.org/ngn/params/xml/simservs/xcap"'
        f' xmlns:cp="urn:ietf:params:xml:ns:common-policy">{inner}</simservs>'
    )


def diversion(conditions: str, actions: str) -> str:
    return services(
        '<communication-diversion active="true"><NoReplyTimer>20</NoReplyTimer>'
        f'<cp:ruleset><cp:rule id="r"><cp:conditions>{conditions}</cp:conditions>'
        f"<cp:actions>{actions}</cp:actions></cp:rule></cp:ruleset></communication-diversion>"
    )


ONE = '<identity><one id="sip:a@b"/></identity>'
LISTED = '<ocp:external-list><ocp:entry anc="http://x/resource-lists"/></ocp:external-list>'
SHOWN = "<opr:provide-willingness>true</opr:provide-willingness>"
MEMBER = (
    '<entry uri="sip:a@b"><rl:display-name>A</rl:display-name><mg:priority>1</mg:priority></entry>'
)
FORWARD = "<forward-to><target>tel:+1234</target><notify-caller>true</notify-caller></forward-to>"


@pytest.mark.parametrize(
    ("usage", "document"),
    [
        pytest.param(OMA_RULES, rule(ONE), id="a rule that does nothing yet"),
        pytest.param(OMA_RULES, rule(LISTED, "allow", SHOWN), id="contacts of a list are let in"),
        pytest.param(OMA_RULES, rule("<ocp:other-identity/>", "confirm"), id="all others ask"),
        pytest.param(OMA_RULES, rule("<ocp:anonymous-request/>", "block"), id="nobody hides"),
        pytest.param(
            OMA_RULES,
            rule(ONE + '<sphere value="work"/>', "allow"),
            id="a condition that names nobody stands beside one that does",
        ),
        pytest.param(
            OMA_RULES,
            rule(ONE, "allow", "<opr:provide-geopriv>full</opr:provide-geopriv>"
                 "<opr:provide-network-availability>1</opr:provide-network-availability>"
                 "<pr:provide-services><opr:service-id>im</opr:service-id></pr:provide-services>"),
            id="OMA transformations",
        ),
        pytest.param(RULES, rule(ONE + LISTED, "block", SHOWN), id="RFC 5025 forbids none of it"),
        pytest.param(DIALOG_RULES, ruleset(""), id="nobody may watch calls"),
        pytest.param(
            DIALOG_RULES,
            ruleset('<rule id="a"><conditions><ocp:other-identity/></conditions><actions>'
                    "<dr:sub-handling>polite-block</dr:sub-handling></actions></rule>"),
            id="who may watch calls",
        ),
        pytest.param(CONTENT, icon(PNG), id="png"),
        pytest.param(CONTENT, icon(JPEG, "image/jpeg"), id="jpeg"),
        pytest.param(CONTENT, icon(b"GIF89a", "IMAGE/GIF"), id="gif, type in capitals"),
        pytest.param(CONTENT, icon(PNG + bytes(131_072 - len(PNG))), id="the largest icon"),
        pytest.param(
            CONTENT,
            content(data="\n".join(b64encode(PNG).decode())),
            id="broken into lines",
        ),
        pytest.param(PROFILE, profile("sip:joe@example.com"), id="an empty profile"),
        pytest.param(
            PROFILE,
            profile("joe", '<birth-date>1980-02-29</birth-date><display-name xml:lang="en">J'
                    "</display-name><hobbies><hobby>chess</hobby></hobbies>"),
            id="a profile, its user named as in the path of a document",
        ),
        pytest.param(GROUPS, group(""), id="no group yet"),
        pytest.param(
            GROUPS,
            group(list_service(
                "<display-name>Team</display-name><list>" + MEMBER + '<external anchor="http://x/y"'
                "/></list><invite-members>true</invite-members><max-participant-count>10"
                '</max-participant-count><cp:ruleset><cp:rule id="r"><cp:conditions>'
                "<is-list-member/></cp:conditions><cp:actions><join-handling>allow"
                "</join-handling><allow-anonymity>false</allow-anonymity></cp:actions></cp:rule>"
                "</cp:ruleset><mg:preferred-voice-encodings/>")),
            id="a group with rules",
        ),
        pytest.param(
            GROUPS,
            group(list_service(f"<list>{MEMBER}</list>", "sip:a@b")
                  + list_service(f"<list>{MEMBER}</list>", "sip:b@b")),
            id="a member of two groups",
        ),
        pytest.param(SIMSERVS, services(""), id="no services"),
        pytest.param(
            SIMSERVS,
            services('<originating-identity-presentation active="true"/>'
                     '<originating-identity-presentation-restriction active="true">'
                     "<default-behaviour>presentation-not-restricted</default-behaviour>"
                     "</originating-identity-presentation-restriction>"
                     '<communication-waiting active="false"/>'),
            id="identities and waiting",
        ),
        pytest.param(SIMSERVS, diversion("<busy/><media>audio</media>", FORWARD), id="diversion"),
        pytest.param(
            SIMSERVS,
            services('<incoming-communication-barring><cp:ruleset><cp:rule id="r"><cp:conditions>'
                     "<rule-deactivated/></cp:conditions><cp:actions><allow>false</allow>"
                     "</cp:actions></cp:rule></cp:ruleset></incoming-communication-barring>"),
            id="barring",
        ),
        pytest.param(
            SIMSERVS,
            services('<communication-diversion-serv-cap active="true"><serv-cap-actions>'
                     '<serv-cap-x provisioned="true"/></serv-cap-actions>'
                     "</communication-diversion-serv-cap><v:more xmlns:v='urn:v'/>"),
            id="what a network offers, and what vendors add",
        ),
        pytest.param(TEST_APP, '<root xmlns="test-app"><el1 att="first"/></root>', id="any root"),
        pytest.param(TEST_APP, "<other/>", id="any namespace"),
    ],
)  # fmt: skip
def test_what_is_accepted(usage: Usage, document: str) -> None:
    assert len(usage.validate(document.encode(), PLACE).tag) > 0


@pytest.mark.parametrize(
    ("usage", "document", "conflict"),
    [
        pytest.param(OMA_RULES, rule(ONE + LISTED), ConstraintFailure, id="two ways to name"),
        pytest.param(
            OMA_RULES,
            rule("<ocp:other-identity/><ocp:anonymous-request/>"),
            ConstraintFailure,
            id="all others, and nobody",
        ),
        pytest.param(OMA_RULES, rule(ONE + ONE), ConstraintFailure, id="identity twice"),
        pytest.param(
            OMA_RULES, rule(ONE, "block", SHOWN), ConstraintFailure, id="shown to the blocked"
        ),
        pytest.param(OMA_RULES, rule(ONE, "", SHOWN), ConstraintFailure, id="shown to nobody"),
        pytest.param(
            OMA_RULES,
            rule("<ocp:external-list><ocp:entry/></ocp:external-list>"),
            ConstraintFailure,
            id="a list without a URI",
        ),
        pytest.param(
            OMA_RULES,
            rule(ONE, "allow", "<opr:provide-willingness>some</opr:provide-willingness>"),
            SchemaValidationError,
            id="an OMA transformation with no such value",
        ),
        pytest.param(
            DIALOG_RULES,
            ruleset('<rule id="a"><actions><dr:sub-handling>maybe</dr:sub-handling></actions>'
                    "</rule>"),
            SchemaValidationError,
            id="no such handling of calls",
        ),
        pytest.param(CONTENT, icon(PNG, "text/html"), ConstraintFailure, id="no image"),
        pytest.param(CONTENT, icon(PNG, "image/jpeg"), ConstraintFailure, id="another image"),
        pytest.param(CONTENT, icon(b""), ConstraintFailure, id="empty"),
        pytest.param(CONTENT, icon(PNG + bytes(131_072)), ConstraintFailure, id="too large"),
        pytest.param(CONTENT, content(data="iVBO*"), ConstraintFailure, id="not base64"),
        pytest.param(
            CONTENT, content(encoding="hex", data="00"), ConstraintFailure, id="other encoding"
        ),
        pytest.param(
            CONTENT,
            '<content xmlns="urn:oma:xml:prs:pres-content"/>',
            SchemaValidationError,
            id="no data",
        ),
        pytest.param(PROFILE, profile("sip:bob@example.com"), ConstraintFailure, id="another's"),
        pytest.param(PROFILE, profile("http://x/"), ConstraintFailure, id="nobody's"),
        pytest.param(
            PROFILE,
            profile("joe", "<birth-date>1980-02-30</birth-date>"),
            SchemaValidationError,
            id="no such day",
        ),
        pytest.param(
            PROFILE,
            '<user-profile xmlns="urn:oma:xml:xdm:user-profile" uri="joe"/>',
            SchemaValidationError,
            id="no root",
        ),
        pytest.param(
            GROUPS, group(list_service("") * 2), UniquenessFailure, id="one URI for two groups"
        ),
        pytest.param(
            GROUPS,
            group(list_service(f"<list>{MEMBER * 2}</list>")),
            UniquenessFailure,
            id="a member twice",
        ),
        pytest.param(
            GROUPS, group("<list-service/>"), SchemaValidationError, id="a group without URI"
        ),
        pytest.param(
            GROUPS,
            group(list_service("<max-participant-count>few</max-participant-count>")),
            SchemaValidationError,
            id="how many",
        ),
        pytest.param(
            SIMSERVS, services("<call-forwarding/>"), SchemaValidationError, id="no such service"
        ),
        pytest.param(
            SIMSERVS,
            services('<communication-waiting active="perhaps"/>'),
            SchemaValidationError,
            id="on or off",
        ),
        pytest.param(
            SIMSERVS,
            services("<communication-diversion><NoReplyTimer>4</NoReplyTimer>"
                     "</communication-diversion>"),
            SchemaValidationError,
            id="rings for five seconds at least",
        ),
        pytest.param(
            SIMSERVS, diversion("<busy>x</busy>", FORWARD), SchemaValidationError, id="condition"
        ),
        pytest.param(
            SIMSERVS,
            diversion("", "<forward-to><target/><notify-caller>x</notify-caller></forward-to>"),
            SchemaValidationError,
            id="action",
        ),
        pytest.param(
            SIMSERVS,
            services("<communication-diversion><ruleset/></communication-diversion>"),
            SchemaValidationError,
            id="rules of the wrong namespace",
        ),
    ],
)  # fmt: skip
def test_what_is_refused_and_why(usage: Usage, document: str, conflict: type[Conflict]) -> None:
    with pytest.raises(Conflict) as refused:
        usage.validate(document.encode(), PLACE)
    assert type(refused.value) is conflict
    assert refused.value.phrase


def test_a_profile_of_the_domain_may_be_anybodys() -> None:
    place = Place(Tree.GLOBAL, AoR(""), "example.com")
    PROFILE.validate(profile("sip:bob@example.com").encode(), place)


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        (
            group(list_service(f"<list>{MEMBER}{MEMBER}</list>")),
            ["group/list-service/list/entry%5B2%5D/@uri"],
        ),
        (group(list_service("") * 2), ["group/list-service%5B2%5D/@uri"]),
    ],
)
def test_a_report_names_what_is_there_twice_in_a_group(document: str, fields: list[str]) -> None:
    """RFC 4825 §11.1."""
    with pytest.raises(UniquenessFailure) as refused:
        GROUPS.validate(document.encode(), PLACE)
    assert [exists.field for exists in refused.value.exists] == fields


@pytest.mark.parametrize(
    ("usage", "path", "directory", "name"),
    [
        (CONTENT, "oma_status-icon/me", True, True),
        (CONTENT, "me", True, False),
        (CONTENT, "other/me", False, True),
        (CONTENT, "oma_status-icon/a/b", False, True),
        (GROUPS, "byGroupID/sip:team@example.com", True, True),
        (GROUPS, "index", True, True),
        (SIMSERVS, "simservs.xml", True, True),
        (SIMSERVS, "index", True, False),
        (RULES, "a/index", False, True),
    ],
)
def test_where_documents_may_be(usage: Usage, path: str, directory: bool, name: bool) -> None:
    """RFC 4825 §8.2.1: there are the directories that the usage has, and no others."""
    assert (usage.has_directory(path), usage.is_name(path)) == (directory, name)


def test_two_names_of_one_document_are_one_row() -> None:
    assert SIMSERVS.row("simservs") == SIMSERVS.row("simservs.xml")
    assert SIMSERVS.name_of(*SIMSERVS.row("simservs")) == "simservs.xml"
    assert OMA_RULES.row("pres-rules") == RULES.row("index")
