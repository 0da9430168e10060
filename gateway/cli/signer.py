"""`isthmus signer`: keys in the encrypted keystore. A key in plain text is never taken and never shown.

The password comes from the environment variable `ISTHMUS_PASSWORD`, or is asked for on a terminal; never
from the command line, where other users of the machine could read it.
"""

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import CliError, Exit, Json, emit_json, note, table
from gateway.config.schema import Scope
from gateway.keys.api_keys import new_api_key
from gateway.keys.derive import attestor_key
from gateway.keys.keystore import Keystore, KeystoreError
from gateway.keys.signer import LocalSigner, new_key
from proofs.ids import IdentifierError, parse_chain, parse_evm_address
from proofs.types import ChainId, ClientId, Lane

app = typer.Typer(help="Keys in the keystore.", no_args_is_help=True, rich_markup_mode=None)

Directory = Annotated[
    Path,
    typer.Option("--keystore", envvar="ISTHMUS_KEYSTORE", help="Keystore directory.", show_envvar=True),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the key.")]
End = Annotated[
    str,
    typer.Argument(metavar="CHAIN/CLIENT/STORE", help="Chain, client on it, and 0x-address of its router."),
]

_DEFAULT = Path("data/keystore")
_END_PARTS = 3
_BECH32_PREFIX = re.compile(r"[a-z][a-z0-9]{0,30}")
_STORE_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_STORE = re.compile(r"0x(?:[0-9a-fA-F]{2}){1,64}")


@app.command("new")
def create(name: Name, *, keystore: Directory = _DEFAULT, as_json: Json = False) -> None:
    """Make a key, encrypt it, and print its address."""
    key = new_key()
    try:
        Keystore(keystore).save(name, key, _password(confirm=True))
    except KeystoreError as error:
        raise CliError(str(error)) from None
    _print_address(name, LocalSigner(key), as_json=as_json)


@app.command("list")
def list_keys(*, keystore: Directory = _DEFAULT, as_json: Json = False) -> None:
    """List the names of the keys. Needs no password."""
    names = Keystore(keystore).names()
    if as_json:
        emit_json({"keys": list(names)})
    else:
        table("Keys", ("name",), [(name,) for name in names])


@app.command("address")
def show_address(
    name: Name,
    *,
    prefix: Annotated[str, typer.Option(help="Bech32 prefix: the account on a Cosmos chain.")] = "",
    keystore: Directory = _DEFAULT,
    as_json: Json = False,
) -> None:
    """Print the address of a key: 0x and 40 digits, or the account on a Cosmos chain."""
    signer = LocalSigner(_load(keystore, name))
    if not prefix:
        _print_address(name, signer, as_json=as_json)
        return
    from adapters.cosmos.tx import address_of

    if not _BECH32_PREFIX.fullmatch(prefix):
        hint = "for example cosmos"
        raise CliError(f"expected a bech32 prefix, got {prefix!r}", exit_code=Exit.USAGE, hint=hint)
    account = address_of(prefix, signer.public_key)
    if as_json:
        emit_json({"name": name, "address": account})
    else:
        print(account)


@app.command("attestor")
def show_attestor(
    source: End,
    destination: End,
    *,
    master: str = "master",
    keystore: Directory = _DEFAULT,
    as_json: Json = False,
) -> None:
    """Print the address with which this gateway attests a lane: what goes into `attestors` and the client.

    A key belongs to the routers too: after a new deployment it is another one.
    """
    (chain, client, store), (other_chain, other_client, other_store) = _end(source), _end(destination)
    lane = Lane(source=chain, source_client=client, destination=other_chain, destination_client=other_client)
    signer = attestor_key(_load(keystore, master), lane, store, other_store)
    _print_address(str(lane), signer, as_json=as_json)


@app.command("export")
def export_key(name: Name, *, keystore: Directory = _DEFAULT) -> None:
    """Print the encrypted key file, to be kept somewhere safe."""
    try:
        print(Keystore(keystore).export(name))
    except KeystoreError as error:
        raise CliError(str(error)) from None


@app.command("restore")
def restore_key(
    name: Name,
    file: Annotated[typer.FileText, typer.Argument(help="An exported key file, or - for standard input.")],
    *,
    keystore: Directory = _DEFAULT,
    as_json: Json = False,
) -> None:
    """Write an exported key back, after checking that the password opens it."""
    exported = file.read(1 << 16)
    password = _password(confirm=False)
    try:
        Keystore(keystore).restore(name, exported, password)
        key = Keystore(keystore).load(name, password)
    except KeystoreError as error:
        raise CliError(str(error)) from None
    _print_address(name, LocalSigner(key), as_json=as_json)


@app.command("api-key")
def create_api_key(
    name: Name,
    *,
    scope: Annotated[list[Scope], typer.Option(help="What it may do; may be repeated.")],
    as_json: Json = False,
) -> None:
    """Make an API key: the key for its holder, and the section for the configuration that knows its hash."""
    key, hashed = new_api_key()
    if as_json:
        emit_json({"name": name, "key": key, "hash": hashed, "scopes": [one.value for one in scope]})
        return
    note("The key is shown once. The section goes into the configuration:")
    print(key)
    scopes = ", ".join(f'"{one.value}"' for one in scope)
    note(f'\n[[api.keys]]\nname = "{name}"\nhash = "{hashed}"\nscopes = [{scopes}]')


def _load(keystore: Path, name: str) -> bytes:
    try:
        return Keystore(keystore).load(name, _password(confirm=False))
    except KeystoreError as error:
        raise CliError(str(error)) from None


def _password(*, confirm: bool) -> str:
    given = os.environ.get("ISTHMUS_PASSWORD", "").strip()
    if given:
        return given
    if not sys.stdin.isatty():
        raise CliError("no password", exit_code=Exit.USAGE, hint="set ISTHMUS_PASSWORD")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))


def _end(text: str) -> tuple[ChainId, ClientId, bytes]:
    """Return chain, client and raw address of the commitment store."""
    parts = text.split("/")
    if len(parts) != _END_PARTS or not all(parts):
        hint = "for example eip155:1/client-0/0x and 40 digits: the router on that chain"
        raise CliError(f"expected CHAIN/CLIENT/STORE, got {text!r}", exit_code=Exit.USAGE, hint=hint)
    name, client, store = parts
    try:
        chain = parse_chain(name)
        address = _store(chain, store)
    except IdentifierError as error:
        raise CliError(f"{text}: {error}", exit_code=Exit.USAGE) from None
    return chain, ClientId(client), address


def _store(chain: ChainId, text: str) -> bytes:
    """Return where a chain keeps its commitments: a contract's address, or the name of a Cosmos store."""
    match chain.partition(":")[0]:
        case "eip155":
            return parse_evm_address(text)
        case "cosmos" if _STORE_NAME.fullmatch(text):
            return text.encode()
        case "cosmos":
            raise IdentifierError(f"store: expected the name of a store, for example ibc, got {text[:80]!r}")
        case _:
            return _hex(text)


def _hex(text: str) -> bytes:
    if not _STORE.fullmatch(text):
        raise IdentifierError(f"store: expected 0x and pairs of hexadecimal digits, got {text[:80]!r}")
    return bytes.fromhex(text[2:])


def _print_address(name: str, signer: LocalSigner, *, as_json: bool) -> None:
    address = "0x" + signer.address.hex()
    if as_json:
        emit_json({"name": name, "address": address})
    else:
        print(address)
