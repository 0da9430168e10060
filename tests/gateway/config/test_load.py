"""Loading a configuration: all mistakes at once, each where it is, with the nearest right word."""

import dataclasses
import socket
from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta

from adapters.memory import ADAPTER as MEMORY
from adapters.secret import Secret, SecretUnavailableError
from gateway.config.convert import BROKEN, Converter
from gateway.config.diagnostics import ConfigError, Findings, Severity, nearest
from gateway.config.load import load_config, parse_config
from gateway.config.schema import PeerConfig

BASE = (Path(__file__).parents[3] / "configs" / "two-memory-chains.toml").read_text()
PLUGINS = {"memory": MEMORY}
ANYWHERE = Path("/nonexistent")


def found(text, severity=Severity.ERROR):
    _, diagnostics = parse_config(text, ANYWHERE, PLUGINS)
    return {one.key: f"{one.message} | {one.hint}" for one in diagnostics if one.severity is severity}


def three(text=BASE):
    """The same lanes with three attestors, 2 of 3, safe."""
    for place, lane_address in enumerate(
        ("0x63722EC9Be5BD7F17E45cB5FB68741ca6bD83396", "0x15631052b45A5170aeF8E129aCfF007439f1499b")
    ):
        others = ", ".join(
            f'{{ name = "{name}", address = "0x{place}{number}{"0" * 38}" }}'
            for number, name in enumerate(("beta", "gamma"))
        )
        text = text.replace(f'"{lane_address}" }}]', f'"{lane_address}" }}, {others}]')
    text = text.replace("threshold = 1", "threshold = 2").replace("unsafe = true", "")
    peers = "".join(
        f'[peers.{name}]\nurl = "http://{name}:1"\napi_key = "env:KEY"\n' for name in ("beta", "gamma")
    )
    return text + peers


def test_the_base_of_these_tests_is_sound():
    assert found(BASE) == {}
    assert found(three()) == {}
    assert found(three(), Severity.WARNING) == {}


def test_five_mistakes_are_reported_together_with_hints(monkeypatch):
    def no_network(*_arguments):
        raise AssertionError("I/O before all mistakes are known")

    monkeypatch.setattr(socket, "socket", no_network)
    text = (
        BASE.replace('name = "solo"\n', 'nmae = "solo"\n')
        .replace('adapter = "memory"\nname = "Beta"', 'adapter = "memry"\nname = "Beta"')
        .replace('chain = "memory:a", client = "on-a" }\nto', 'chain = "memory:aa", client = "on-a" }\nto')
        .replace("threshold = 1\nunsafe = true     ", "threshold = 5\nunsafe = true     ")
        + '[api]\nlisten = "nowhere"\n'
    )
    mistakes = found(text)
    assert 'did you mean "name"?' in mistakes["gateway.nmae"]
    assert 'did you mean "memory"?' in mistakes["chains[1].adapter"]
    assert 'did you mean "memory:a"?' in mistakes["lanes[0].from.chain"]
    assert "expected at most 1" in mistakes["lanes[0].threshold"]
    assert "'nowhere'" in mistakes["api.listen"]


def test_a_wrong_value_in_a_lane_hides_nothing_else_that_is_wrong_with_it_and_invents_nothing():
    wrong = "0x15631052b45A5170aeF8E129aCfF007439f1499b", "0x1563"
    assert list(found(BASE.replace(*wrong))) == ["lanes[1].attestors[0].address"]
    text = BASE.replace(*wrong).replace(
        'client = "on-b" }\nto = { chain = "memory:a"', 'client = "on-b" }\nto = { chain = "memory:aa"'
    )
    head, second = text.rsplit("threshold = 1", 1)
    mistakes = found(f"{head}threshold = 5{second}")
    assert set(mistakes) == {"lanes[1].attestors[0].address", "lanes[1].to.chain", "lanes[1].threshold"}
    assert 'did you mean "memory:a"?' in mistakes["lanes[1].to.chain"]
    assert found("lanes = [7]\n" + BASE.split("[[lanes]]")[0])


def test_the_exception_holds_all_of_them(tmp_path):
    file = tmp_path / "isthmus.toml"
    file.write_text("x = 1\ny = 2\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file, PLUGINS)
    assert {one.key for one in caught.value.diagnostics} >= {"x", "y", "gateway.name", "chains"}
    assert "x: unknown table" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('name = "solo"\n', "name = 7\n", "gateway.name", "expected a string, got 7"),
        ("threshold = 3", 'threshold = "3"', "chains[0].config.threshold", "expected an integer, got '3'"),
        ("threshold = 3", "threshold = true", "chains[0].config.threshold", "expected an integer, got true"),
        ("threshold = 3", "threshold = 9", "chains[0].config.threshold", "expected 1 to 4, got 9"),
        ("threshold = 3", "threshold = 3, qorum = 2", "chains[0].config.qorum", 'did you mean "quorum"?'),
        ("threshold = 3,", "", "chains[0].config.threshold", "missing: an integer is required"),
        ('id = "memory:b"', 'id = "memory:a"', "chains", "2 chains have the id memory:a"),
        ('id = "memory:b"', 'id = "nonsense"', "chains[1].id", "CAIP-2"),
        ("unsafe = true    ", "unsafe = false    ", "lanes[0]", "unsafe = true"),
        (
            "threshold = 1\nunsafe = true     ",
            "threshold = 0\nunsafe = true     ",
            "lanes[0].threshold",
            "at least 1",
        ),
        (
            'chain = "memory:b", client = "on-b" }\nthreshold',
            'chain = "memory:a", client = "on-b" }\nthreshold',
            "lanes[0].to.chain",
            "another chain",
        ),
        (
            'name = "solo", address = "0x637',
            'name = "other", address = "0x637',
            "lanes[0].attestors",
            "'solo'",
        ),
        (
            "0x15631052b45A5170aeF8E129aCfF007439f1499b",
            "0x63722ec9be5bd7f17e45cb5fb68741ca6bd83396",
            "lanes[1].attestors[0].address",
            "also used by lanes[0]",
        ),
        (
            "0x15631052b45A5170aeF8E129aCfF007439f1499b",
            "0x1563",
            "lanes[1].attestors[0].address",
            "of the form",
        ),
        ('client = "on-a" }\nto', 'client = "on a" }\nto', "lanes[0].from.client", "ICS-24"),
    ],
)
def test_a_mistake_is_found_where_it_is(old, new, key, says):
    assert old in BASE
    mistakes = found(BASE.replace(old, new, 1))
    assert key in mistakes, mistakes
    assert says in mistakes[key]


def test_a_lane_without_its_way_back_is_refused():
    text = BASE[: BASE.rindex("[[lanes]]")]
    assert "the lane back is missing" in found(text)["lanes[0]"]


def test_the_same_lane_twice_is_refused():
    text = BASE + BASE[BASE.rindex("[[lanes]]") :]
    assert "the same lane as lanes[1]" in found(text)["lanes[2]"]


def test_one_signature_of_many_is_as_unsafe_as_one_of_one():
    text = three().replace("threshold = 2", "threshold = 1", 1)
    assert "one key of 3 suffices" in found(text)["lanes[0]"]


def test_a_chain_whose_consensus_nobody_verifies_needs_unsafe():
    evm = (Path(__file__).parents[3] / "configs" / "two-evm-dev-chains.toml").read_text()
    from adapters.evm import ADAPTER as EVM

    text = evm.replace("unsafe = true", "", 1)
    _, diagnostics = parse_config(text, ANYWHERE, {"evm": EVM})
    errors = [one for one in diagnostics if one.severity is Severity.ERROR]
    assert [one.key for one in errors] == ["lanes[0]"]
    assert "consensus of eip155:31337 is not verified" in errors[0].message
    assert "unsafe = true" in errors[0].hint


def test_attestors_without_a_peer_and_peers_on_one_host_are_refused():
    missing = found(three().replace("[peers.gamma]", "[peers.gamme]"))
    assert 'did you mean "gamme"?' in missing["lanes[0].attestors[2].name"]
    assert (
        "one host is one attestor"
        in found(three().replace("http://gamma:1", "http://beta:1"))["peers.gamma.url"]
    )


def test_no_slack_and_needless_unsafe_are_warned_of():
    warned = found(three().replace("threshold = 2", "threshold = 3", 1), Severity.WARNING)
    assert "the loss of one attestor" in warned["lanes[0].threshold"]
    text = three().replace("threshold = 2\n", "threshold = 2\nunsafe = true\n", 1)
    assert "nothing about this lane is unsafe" in found(text, Severity.WARNING)["lanes[0].unsafe"]


@pytest.mark.parametrize("wrong", ['"hunter2"', '"keystore:x"', '"env:"', '"env:a b"', "7", '"file:"'])
def test_a_secret_is_a_reference_and_is_never_repeated(wrong):
    text = three().replace('api_key = "env:KEY"', f"api_key = {wrong}", 1)
    message = found(text)["peers.beta.api_key"]
    assert "env:NAME" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "wrong", ["env:PRIVATE", "0x" + "11" * 32, "keystore:", "keystore:../x", "keystore:master"]
)
def test_signing_keys_come_from_the_keystore_alone(wrong):
    text = BASE.replace('name = "Alpha"', f'name = "Alpha"\nsigner = "{wrong}"')
    assert "chains[0].signer" in found(text)


def test_secrets_are_read_late_and_masked(monkeypatch, tmp_path):
    config, _ = parse_config(three(), tmp_path, PLUGINS)
    assert "KEY" not in repr(config.peers["beta"].api_key)
    with pytest.raises(SecretUnavailableError, match="env:KEY"):
        config.peers["beta"].api_key.reveal()
    monkeypatch.setenv("KEY", " canary ")
    assert config.peers["beta"].api_key.reveal() == "canary"
    (tmp_path / "password").write_text("from a file\n")
    text = three().replace('api_key = "env:KEY"', 'api_key = "file:password"', 1)
    config, _ = parse_config(text, tmp_path, PLUGINS)
    assert config.peers["beta"].api_key.reveal() == "from a file"
    assert "canary" not in repr(config)


def test_urls_of_an_adapter_may_come_from_the_environment(monkeypatch):
    text = BASE.replace("threshold = 3,", 'threshold = 3, world = "env:WORLD",', 1)
    assert "env:WORLD is empty or not set" in found(text)["chains[0].config.world"]
    monkeypatch.setenv("WORLD", "mine")
    config, _ = parse_config(text, ANYWHERE, PLUGINS)
    assert config.chains[0].config.world == "mine"


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("batch = 2000", "limits.batch"),
        ("backoff_s = []", "limits.backoff_s"),
        ("track_s = 0", "limits.track_s"),
    ],
)
def test_limits_have_bounds(section, key):
    assert key in found(BASE + f"[limits]\n{section}\n")


@pytest.mark.parametrize("text", ["a = ", f"a = {'[' * 50_000}", f"a = {'9' * 5000}"])
def test_what_is_no_toml_is_one_plain_sentence(tmp_path, text):
    config, [only] = parse_config(text, tmp_path, {})
    assert config is None
    assert str(only).startswith("error: not TOML: ")


def test_a_file_that_cannot_be_read_is_one_plain_sentence(tmp_path):
    for content in (None, b"\xff\xfe", b"a = [", b"#" * 1_100_000):
        file = tmp_path / "isthmus.toml"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load_config(file, PLUGINS)
        assert len(caught.value.diagnostics) == 1


def test_paths_are_relative_to_the_file(tmp_path):
    config, _ = parse_config(BASE, tmp_path, PLUGINS)
    assert config.store_file() == tmp_path / "data" / "isthmus.db"
    assert config.keystore_directory() == tmp_path / "data" / "keystore"


REFERENCE = Secret("env:X")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    many: tuple[tuple[int, ...], ...]
    kind: Literal["a", "b"] = "a"
    maybe: float | None = None
    raw: bytes = b""
    secret: Secret = REFERENCE
    short: Annotated[str, Meta(max_length=2)] = ""


def converted(raw):
    findings = Findings()
    return Converter(base=Path("/base"), findings=findings).convert(Inner, raw, "k"), findings.all()


def test_nested_lists_literals_and_options_are_understood():
    value, wrong = converted({"many": [[1, 2], []], "kind": "b", "maybe": 1, "raw": "0xAb01"})
    assert (value, wrong) == (Inner(many=((1, 2), ()), kind="b", maybe=1.0, raw=b"\xab\x01"), ())


def test_every_wrong_leaf_is_named():
    value, wrong = converted(
        {"many": [[1, "2"], 3], "kind": "c", "maybe": "x", "raw": "0xabc", "short": "abc"}
    )
    assert value is BROKEN
    assert [one.key for one in wrong] == [
        "k.many[0][1]",
        "k.many[1]",
        "k.kind",
        "k.maybe",
        "k.raw",
        "k.short",
    ]


def test_the_nearest_word_is_offered_and_else_all_of_them():
    assert nearest("thresold", ["threshold", "url"]) == 'did you mean "threshold"?'
    assert nearest("zzz", ["threshold", "url"]) == "known: threshold, url"


def test_peers_take_only_a_base_url():
    value, wrong = None, Findings()
    value = Converter(base=Path(), findings=wrong).convert(
        PeerConfig, {"url": "http://a/b", "api_key": "env:X"}, "p"
    )
    assert value is BROKEN
    assert [one.key for one in wrong.all()] == ["p.url"]


def test_both_directions_of_a_pair_are_of_one_kind():
    there, back = BASE.rindex("[[lanes]]", 0, BASE.rindex("[[lanes]]")), BASE.rindex("[[lanes]]")
    ends = [line for line in BASE[back:].splitlines() if line.startswith(("from", "to"))]
    light = "\n".join(["[[lanes]]", *ends, 'security = "light-client"', ""])
    assert "as in lanes[0], the way there" in found(BASE[:back] + light)["lanes[1].security"]
    both = BASE[:there] + "\n".join([light, light.replace("from", "x").replace("to =", "from =")])
    mistakes = found(both.replace("x =", "to =") + "ordered = true\n")
    assert mistakes["lanes[1].ordered"].startswith("expected False")


@pytest.mark.parametrize(("side", "client"), [("from", "on-a"), ("to", "on-b")])
def test_a_lane_over_channels_is_not_attested(side, client):
    told = found(BASE.replace(f'client = "{client}"', 'client = "channel-7"', 1))[f"lanes[0].{side}.client"]
    assert "expected a client, got 'channel-7': attestors sign nothing about channels" in told
    assert 'security = "light-client"' in told
