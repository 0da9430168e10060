"""Homes of the nodes of a fresh Cosmos chain: keys, configuration, and a genesis that is written as data.

Not part of the adapter, and it runs nothing but `simd init`, once for each validator: the validators stand in
the genesis as the staking module's own state, so no transaction, key ring or further command is needed.
"""

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from proofs import bech32

DENOM = "stake"
"""The coin of every development chain: what is staked, what pays fees, what `balances` counts."""

POWER_UNIT = 1_000_000
"""Coins of one unit of voting power."""

_NOT_BONDED_POOL = "cosmos1tygms3xhhs3yv487phx3dw4a95jn7t7lpm470r"
"""Account of the staking module that holds what is not bonded yet; the first block bonds it."""

_INIT_TIMEOUT_S = 120.0


class DevNodeError(Exception):
    """The node did not start or does not make blocks. The message holds the end of its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevChainOptions:
    """How a development chain runs. Accounts get the numbers 0, 1, ... in the order of `balances`."""

    chain_id: str = "chain-a"
    balances: Mapping[str, int] = field(default_factory=dict)
    """Coins (`DENOM`) of the accounts that exist from the start, by bech32 address."""
    coins: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Further coins of these accounts: address -> name of the coin -> amount."""
    powers: Sequence[int] = (1000,)
    """Voting power of each validator; each is a node, and a process, of its own."""
    block_time_s: float = 0.2
    unbonding_time_s: int = 1_814_400
    """Light clients of this chain must trust for less."""
    large_requests: bool = False
    """Accept transactions, batches and bodies far above the defaults of ordinary nodes."""
    pruning: Literal["default", "nothing", "everything"] = "default"
    minimum_gas_prices: str = f"0{DENOM}"
    api: bool = False
    """Serve REST too."""
    rpc_port: int = 0
    """Of the first node; 0 lets the system choose."""
    start_timeout_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """One node's directory, ready to start."""

    directory: Path
    node_id: str
    """How its peers name it: hex of the first 20 bytes of sha256 of the node key."""
    seed: bytes
    """The validator's ed25519 private key, 32 bytes. It signs blocks: whoever holds it can forge forks."""
    public_key: bytes
    """The validator's ed25519 public key, 32 bytes."""
    operator: str
    """Operator address of the validator (cosmosvaloper1...): power changes by delegating to it."""


def prepare(binary: Path, options: DevChainOptions, directory: Path) -> tuple[Home, ...]:
    """Make one home for each validator below a directory, all with one genesis. Raises `DevNodeError`."""
    homes = tuple(_init(binary, options, directory / f"node-{n}") for n in range(len(options.powers)))
    place = homes[0].directory / "config" / "genesis.json"
    genesis = json.loads(place.read_text())
    _fill(genesis, options, homes)
    for home in homes:
        (home.directory / "config" / "genesis.json").write_text(json.dumps(genesis))
        _configure(home.directory / "config" / "config.toml", options, alone=len(homes) == 1)
    return homes


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a simd process: it writes into its home only, and sees no setting of ours."""
    return {"HOME": str(home), "TMPDIR": str(home)}


def _init(binary: Path, options: DevChainOptions, home: Path) -> Home:
    home.mkdir(parents=True)
    command = [str(binary), "--home", str(home), "init", home.name, "--chain-id", options.chain_id]
    done = subprocess.run(  # noqa: S603 - the binary is the caller's, the arguments are ours
        command, env=environment(home), capture_output=True, timeout=_INIT_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace")[-2000:]
        raise DevNodeError(f"expected `simd init` to succeed, it left with {done.returncode}: {said!r}")
    node = _key_bytes(home / "config" / "node_key.json")
    validator = _key_bytes(home / "config" / "priv_validator_key.json")
    return Home(
        directory=home,
        node_id=hashlib.sha256(node[32:]).hexdigest()[:40],
        seed=validator[:32],
        public_key=validator[32:],
        operator=_bech32("cosmosvaloper", validator[32:]),
    )


def _key_bytes(file: Path) -> bytes:
    """Return seed and public key, 64 bytes, of a key file."""
    return base64.b64decode(json.loads(file.read_text())["priv_key"]["value"])


def _bech32(prefix: str, public_key: bytes) -> str:
    """Return the address of a consensus key, written with another prefix: nobody can sign for it."""
    return bech32.encode(prefix, hashlib.sha256(public_key).digest()[:20])


def _fill(genesis: dict[str, Any], options: DevChainOptions, homes: Sequence[Home]) -> None:
    """Put accounts, coins and validators into a genesis that `simd init` made."""
    state = genesis["app_state"]
    staked = sum(options.powers) * POWER_UNIT
    balances = {**options.balances, _NOT_BONDED_POOL: staked}
    state["auth"]["accounts"] = [
        {
            "@type": "/cosmos.auth.v1beta1.BaseAccount",
            "address": address,
            "pub_key": None,
            "account_number": str(number),
            "sequence": "0",
        }
        for number, address in enumerate(options.balances)
    ]
    state["bank"]["balances"] = [
        {"address": address, "coins": _coins({**options.coins.get(address, {}), DENOM: amount})}
        for address, amount in balances.items()
    ]
    staking = state["staking"]
    staking["params"]["unbonding_time"] = f"{options.unbonding_time_s}s"
    members = list(zip(homes, options.powers, strict=True))
    staking["validators"] = [_validator(home, power * POWER_UNIT) for home, power in members]
    staking["delegations"] = [
        {
            "delegator_address": _bech32("cosmos", home.public_key),
            "validator_address": home.operator,
            "shares": f"{power * POWER_UNIT}.{0:018}",
        }
        for home, power in members
    ]


def _coins(amounts: Mapping[str, int]) -> list[dict[str, str]]:
    return [{"denom": name, "amount": str(amount)} for name, amount in sorted(amounts.items())]


def _validator(home: Home, tokens: int) -> dict[str, Any]:
    key = base64.b64encode(home.public_key).decode()
    return {
        "operator_address": home.operator,
        "consensus_pubkey": {"@type": "/cosmos.crypto.ed25519.PubKey", "key": key},
        "jailed": False,
        "status": "BOND_STATUS_UNBONDED",
        "tokens": str(tokens),
        "delegator_shares": f"{tokens}.{0:018}",
        "description": {"moniker": home.directory.name},
        "unbonding_height": "0",
        "unbonding_time": "1970-01-01T00:00:00Z",
        "commission": {
            "commission_rates": {"rate": "0.1", "max_rate": "0.2", "max_change_rate": "0.01"},
            "update_time": "1970-01-01T00:00:00Z",
        },
        "min_self_delegation": "1",
    }


def _configure(file: Path, options: DevChainOptions, *, alone: bool) -> None:
    block_time = f'"{round(options.block_time_s * 1000)}ms"'
    settings = {
        ("consensus", "timeout_commit"): block_time,
        ("consensus", "timeout_propose"): block_time,
        ("p2p", "pex"): "false",
        ("p2p", "addr_book_strict"): "false",
        ("p2p", "allow_duplicate_ip"): "true",
    }
    if not alone:  # a proposer that is down costs its round these
        settings |= {("consensus", f"timeout_{step}"): block_time for step in ("prevote", "precommit")}
    if options.large_requests:
        settings |= {
            ("rpc", "max_body_bytes"): "50000000",
            ("rpc", "max_request_batch_size"): "1000",
            ("rpc", "max_subscriptions_per_client"): "50",
            ("rpc", "timeout_broadcast_tx_commit"): '"60s"',
            ("mempool", "max_tx_bytes"): "10485760",
        }
    file.write_text(_edited(file.read_text(), settings))


def _edited(text: str, settings: Mapping[tuple[str, str], str]) -> str:
    """Return a TOML text with these values, by table and key. Raises `DevNodeError` for one that it lacks."""
    table, lines, missing = "", [], dict(settings)
    for line in text.splitlines():
        if heading := re.match(r"\[([\w.-]+)\]", line):
            table = heading[1]
        name = re.match(r"([\w-]+) *=", line)
        value = missing.pop((table, name[1]), None) if name else None
        lines.append(line if name is None or value is None else f"{name[1]} = {value}")
    if missing:
        raise DevNodeError(f"expected settings that this simd does not have: {sorted(missing)}")
    return "\n".join(lines) + "\n"
