"""Whatever is typed or kept in a file for `isthmus ibc`: one sentence and an exit code, no more."""

import pytest

from tests.gateway.cli.running import isthmus

HEAD = '[[chains]]\nid = "cosmos:chain-a"\nadapter = "cosmos"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chains = 5", "expected one Cosmos chain named 'cosmos:chain-a', got 0"),
        (f"{HEAD}config = 'x'", "expected endpoints with name and rpc_url, got none"),
        (f"{HEAD}[chains.config]\nendpoints = 7", "expected endpoints with name and rpc_url, got none"),
        (f"{HEAD}[chains.config]\nendpoints = ['a']", "expected endpoints with name and rpc_url, got none"),
        (f"a = {'[' * 50_000}", "recursion"),
        (f"a = {'9' * 5000}", "4300 digits"),
    ],
)
def test_trust_takes_any_file(tmp_path, text, words):
    file = tmp_path / "odd.toml"
    file.write_text(text)
    done = isthmus("ibc", "trust", "cosmos:chain-a", "--config", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        (("create", "client", "a", "b"), "--unbonding-period", "9" * 30),
        (("create", "client", "a", "b"), "--trusting-period", "-5"),
        (("clear", "a", "channel-0"), "--timeout", "-1"),
        (("clear", "a", "channel-0"), "--timeout", "9" * 400),
    ],
)
def test_seconds_have_bounds(tmp_path, command, option, value):
    done = isthmus("ibc", *command, option, value, "--config", str(tmp_path / "none.toml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Invalid value for '{option}': Input should be" in done.stderr
