"""Settings: file, then environment, then --set; every mistake named at once."""

import tomllib
from pathlib import Path

import pytest

from server.cli_config import as_toml
from server.config_values import DefaultPolicy, DigestAlgorithm, LogFormat
from server.errors import ServerError, SettingsError
from server.parts import application_usages, xcap_config
from server.settings import load_settings


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> Path:
    file = Path("settings.toml")
    file.write_text(text)
    return file


def problems(text: str = "", *assignments: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(text), assignments)
    return caught.value.problems


def test_defaults_need_no_file() -> None:
    settings = load_settings()
    assert settings.domains == ("example.com",)
    assert settings.sip.listen == ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060")
    assert settings.sip.digest_algorithms == (DigestAlgorithm.MD5, DigestAlgorithm.SHA_256)
    assert settings.presence.default_policy is DefaultPolicy.CONFIRM
    assert settings.log.format is LogFormat.LOGFMT


def test_the_file_in_the_working_directory_is_read() -> None:
    Path("presentity.toml").write_text('domains = ["here.example"]\n')
    assert load_settings().domains == ("here.example",)


def test_environment_wins_over_file_and_set_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    file = write("[presence]\nmin_expires = 1\nmax_expires = 100\nnotify_interval = 7\n")
    monkeypatch.setenv("PRESENTITY_PRESENCE__MAX_EXPIRES", "200")
    monkeypatch.setenv("PRESENTITY_PRESENCE__NOTIFY_INTERVAL", "8")
    presence = load_settings(file, ["presence.notify_interval=0"]).presence
    assert (presence.min_expires, presence.max_expires, presence.notify_interval) == (1, 200, 0)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("udp:127.0.0.1:5070,tcp:[::1]:5070", id="commas"),
        pytest.param('["udp:127.0.0.1:5070", "tcp:[::1]:5070"]', id="json"),
    ],
)
def test_lists_are_json_or_comma_separated(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ("udp:127.0.0.1:5070", "tcp:[::1]:5070")
    assert load_settings(None, [f"sip.listen={text}"]).sip.listen == wanted
    monkeypatch.setenv("PRESENTITY_SIP__LISTEN", text)
    assert load_settings().sip.listen == wanted


def test_domains_are_lower_case() -> None:
    assert load_settings(None, ["domains=Example.ORG,b.example."]).domains == (
        "example.org",
        "b.example",
    )


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("sip.listn=udp:0.0.0.0:1", "sip.listn: unknown key (did you mean sip.listen?)"),
        ("domains=", "domains: "),
        ("domains=not a domain", "domains: 'not a domain' is not a domain name"),
        ("workers=0", "workers: "),
        ("workers=2", "workers: SQLite serves one process"),
        ("store.url=mysql://localhost/x", "store.url: is neither sqlite"),
        ("store.url=postgresql://host", "store.url: is neither sqlite"),
        ("sip.listen=udp:0.0.0.0", "sip.listen: '0.0.0.0' is not host:port"),
        ("sip.listen=sctp:0.0.0.0:5060", "sip.listen: 'sctp:0.0.0.0:5060' is not transport"),
        ("sip.listen=udp:0.0.0.0:70000", "sip.listen: '0.0.0.0:70000': port 70000 is over"),
        ("sip.listen=udp:[::zz]:5060", "sip.listen: "),
        ("sip.trusted_peers=10.0.0.1/8", "sip.trusted_peers: "),
        ("sip.digest_algorithms=SHA1", "sip.digest_algorithms: "),
        ("sip.min_expires=7201", "sip: min_expires is more than max_expires"),
        ("sip.advertise=not a host", "sip.advertise: "),
        ("http.listen=8080", "http.listen: '8080' is not host:port"),
        ("http.xcap_root=xcap", "http.xcap_root: 'xcap' is not a path"),
        ("presence.default_policy=maybe", "presence.default_policy: "),
        ("presence.notify_interval=-1", "presence.notify_interval: "),
        ("http.listen=https:8443", "http.listen: '8443' is not host:port"),
        ("http.cors_origins=app.example.com", "http.cors_origins: 'app.example.com' is neither *"),
        ("http.cors_origins=https://a.example/x", "http.cors_origins: "),
        ("xcap.max_body=many", "xcap.max_body: "),
        ("xcap.versions=-1", "xcap.versions: "),
        ("xcap.usages={", "xcap.usages: is not a JSON object"),
        ("xcap.trusted_users=alice", "xcap.trusted_users: alice: is not an address"),
        ("log.level=loud", "log.level: "),
        ("no-equals-sign", "--set no-equals-sign: is not KEY=VALUE"),
    ],
)
def test_a_mistake_is_named_by_its_key(assignment: str, said: str) -> None:
    (problem,) = problems("", assignment)
    assert problem.startswith(said)


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENTITY_DOMAIN", "example.com")
    said = problems("colour = 1\n[presence]\nmax_expires = -1\n", "sip.foo=1")
    assert [problem.partition(":")[0] for problem in said] == [
        "PRESENTITY_DOMAIN",
        "sip.foo",
        "presence.max_expires",
        "colour",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("domains = [", "is not TOML", id="not-toml"),
        pytest.param('[sip]\nlisten = "x"\nlisten = "y"', "is not TOML", id="twice"),
    ],
)
def test_a_broken_file_is_named(text: str, said: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(f"settings.toml: {said}")


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml: cannot be read"):
        load_settings(Path("absent.toml"))


NOTES = """
[xcap.usages."com.example.notes"]
namespace = "urn:notes"
media_type = "application/vnd.example.notes+xml"
schema = "notes.xsd"
documents = ["index"]
"""


def test_application_usages_are_declared_in_a_table_each() -> None:
    settings = load_settings(write(NOTES), ["xcap.versions=0"])
    (auid, usage), *_ = settings.xcap.usages.items()
    assert (auid, usage.namespace, usage.schema_file) == (
        "com.example.notes",
        "urn:notes",
        "notes.xsd",
    )
    assert (usage.root, usage.documents) == ("", ("index",))
    assert tomllib.loads(as_toml(settings))["xcap"]["usages"] == {
        "com.example.notes": {
            "namespace": "urn:notes",
            "media_type": "application/vnd.example.notes+xml",
            "schema": "notes.xsd",
            "root": "",
            "documents": ["index"],
        }
    }


@pytest.mark.parametrize(
    ("was", "wrong", "said"),
    [
        ("com.example.notes", "com example", "xcap.usages.com example: 'com example' is no AUID"),
        ("schema =", "schem =", "xcap.usages.com.example.notes.schem: unknown key"),
        ('"urn:notes"', '""', "xcap.usages.com.example.notes.namespace: "),
        ("application/", "", "xcap.usages.com.example.notes.media_type: 'vnd.example.notes+xml'"),
        ('"index"', '"a/b"', "xcap.usages.com.example.notes.documents: 'a/b' is no name"),
        ('"index"', '".."', "xcap.usages.com.example.notes.documents: '..' is no name"),
    ],
)
def test_a_mistake_in_a_declared_usage_is_named_by_its_key(was: str, wrong: str, said: str) -> None:
    problem, *_ = sorted(problems(NOTES.replace(was, wrong)), key=lambda line: said not in line)
    assert problem.startswith(said)


def test_what_cannot_be_served_is_named_by_its_key() -> None:
    """Before anything listens."""
    config = xcap_config(load_settings(write(NOTES)))
    with pytest.raises(ServerError, match=r"^xcap\.usages\.com\.example\.notes\.schema: notes"):
        application_usages(config)


def test_several_listeners_some_of_them_https() -> None:
    listen = load_settings(None, ["http.listen=0.0.0.0:8080,HTTPS:[::1]:8443"]).http.listen
    assert listen == ("0.0.0.0:8080", "https:[::1]:8443")
