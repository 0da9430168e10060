"""Every command that the documentation shows exists, with the options shown; cheap ones are run."""

import re
import shlex
import subprocess
import sys

import pytest
import typer.main
from typer.core import TyperGroup

from gateway.cli.app import app
from tests.architecture.tree import ROOT, files, name_of

UsageError = typer.BadParameter.__base__
"""What the command line raises for words that it does not know."""

_PAGES = [ROOT / "README.md", *files("docs", suffix=".md")]
_BLOCK = re.compile(r"^```(?:console|sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CHEAP = {("--help",), ("--version",), ("adapter", "list"), ("adapter", "list", "--json")}


def shown_commands(text: str) -> list[str]:
    """Return the command lines of a page's console blocks: those after `$ `, continued lines joined."""
    lines = "\n".join(_BLOCK.findall(text)).replace("\\\n", " ").splitlines()
    return [line[2:].split(" #")[0].strip() for line in lines if line.startswith("$ ")]


COMMANDS = sorted(
    {(name_of(page), command) for page in _PAGES for command in shown_commands(page.read_text())}
)


def isthmus_words(command: str) -> list[list[str]]:
    """Return the arguments of each `isthmus` call in a shell line."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    calls: list[list[str]] = [[]]
    for word in lexer:
        if word and set(word) <= set("|&;"):
            calls.append([])
        else:
            calls[-1].append(word)
    stripped = [[word for i, word in enumerate(call) if i > 0 or "=" not in word] for call in calls]
    stripped = [call[1:] if call and call[0] == ".ci/env" else call for call in stripped]
    return [call[1:] for call in stripped if call and call[0] == "isthmus"]


def resolve(words: list[str]) -> None:
    """Parse the words as the command line would, without running anything. Raises `UsageError`."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="isthmus")
    while isinstance(command, TyperGroup):
        if not words or words[0].startswith("-"):
            if words and words[0] not in {"--help", "--version", "-h"}:
                raise UsageError(f"no such option: {words[0]}")
            return
        _, found, words = command.resolve_command(context, words)
        if found is None:
            raise UsageError(f"no such command: {words[0]}")
        command = found
        context = typer.Context(command, parent=context, info_name=found.name)
    if not {"--help", "-h"} & set(words):
        command.make_context(command.name, list(words), parent=context.parent).close()


def test_the_readme_shows_how_to_begin() -> None:
    shown = {command for page, command in COMMANDS if page == "README.md"}
    assert {"make demo", "make test"} <= shown
    assert any(command.startswith("isthmus ") for command in shown)


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda value: value.replace(" ", "_"))
def test_a_shown_command_exists(page: str, command: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    words = [word for word in shlex.split(command) if not re.fullmatch(r"[A-Z_]+=\S*", word)]
    if words[0] == "make":
        assert set(words[1:]) <= targets, (
            f"{page} shows make targets that do not exist: {set(words[1:]) - targets}"
        )
        return
    calls = isthmus_words(command)
    known = {"git", "cd", "curl", "pip", "python3", "docker"}
    assert calls or words[0].rsplit("/", 1)[-1] in known, f"{page} shows an unknown {words[0]}"
    for call in calls:
        resolve(call)


@pytest.mark.parametrize("words", sorted(_CHEAP), ids=" ".join)
def test_a_cheap_command_runs(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize(
    "bad", [["mesage", "list"], ["message", "lst"], ["message", "list", "--no-such-option"], ["-x"]]
)
def test_the_command_check_sees_what_it_should(bad: list[str]) -> None:
    with pytest.raises(UsageError):
        resolve(bad)


def test_shown_commands_are_found_in_a_page() -> None:
    page = "```console\n$ make demo  # the story\noutput\n$ isthmus message \\\n  list\n```\n"
    assert shown_commands(page) == ["make demo", "isthmus message    list"]
    assert isthmus_words("A=1 isthmus send x | isthmus watch") == [["send", "x"], ["watch"]]
    assert isthmus_words(".ci/env isthmus --help") == [["--help"]]
