"""How chains and addresses are written: CAIP-2 and CAIP-10 in text, ERC-7930 in bytes, ERC-7828 for people.

Strict both ways: there is one spelling of everything (minimal integers, EIP-55 capitals or all lower case,
exact lengths), and what is not it raises `IdentifierError`. Nothing is resolved or looked up: names of ENS
are not handled.

ERC-7930 leaves the inside of an address to profiles by namespace (CAIP-350). `eip155` is one of its
published ones. Those marked experimental are ours until one is published, with chain types from the top of
the range; they carry reference and address as the text that CAIP-2 and CAIP-10 use (the memory chain: 20
address bytes). Of a Cosmos chain that text is Bech32: it names the prefix, which raw bytes would lose, and
contracts can pass it on without computing it.

Implements: CAIP-2, CAIP-10, ERC-55, BIP-173 (for cosmos), ERC-7930 version 1, ERC-7828 (raw addresses),
CAIP-350 for eip155.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from proofs import bech32
from proofs.hashing import keccak256
from proofs.types import ChainId

_CHAIN = re.compile(r"([-a-z0-9]{3,8}):([-_a-zA-Z0-9]{1,32})")
_ACCOUNT = re.compile(r"([-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}):([-.%a-zA-Z0-9]{1,128})")
_NAME = re.compile(r"([^@#]*)@([^@#]+?)(?:#([0-9A-F]{8}))?")
_DECIMAL = re.compile(r"[1-9][0-9]*")
_HEX_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_VERSION = b"\x00\x01"


class IdentifierError(ValueError):
    """A chain id, account, address or name is not written as its standard says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An address on a chain, in the chain's own text notation (CAIP-10)."""

    chain: ChainId
    address: str

    def __str__(self) -> str:
        return f"{self.chain}:{self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InteropAddress:
    """An address on a chain, in the chain's own bytes (ERC-7930); an empty one names the chain alone."""

    chain: ChainId
    address: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How one namespace writes references and addresses in bytes (CAIP-350)."""

    chain_type: int
    """Two bytes in ERC-7930."""
    experimental: bool
    """Ours, until one is published."""
    reference_to_bytes: Callable[[str], bytes]
    reference_to_text: Callable[[bytes], str]
    address_to_bytes: Callable[[str], bytes]
    address_to_text: Callable[[bytes], str]


def parse_chain(text: str) -> ChainId:
    """Return a CAIP-2 id after checking its form; for eip155 also that the number is a plain decimal."""
    match = _CHAIN.fullmatch(text)
    if match is None:
        raise IdentifierError(f"chain: expected namespace:reference (CAIP-2), got {text[:80]!r}")
    if match[1] == "eip155":
        _eip155_reference_to_bytes(match[2])
    return ChainId(text)


def parse_account(text: str) -> Account:
    """Return a CAIP-10 account after checking its form; for eip155 and cosmos also the address."""
    match = _ACCOUNT.fullmatch(text)
    if match is None:
        raise IdentifierError(f"account: expected chain:address (CAIP-10), got {text[:200]!r}")
    chain = parse_chain(match[1])
    if chain.startswith("eip155:"):
        parse_evm_address(match[2])
    if chain.startswith("cosmos:"):
        _bech32_to_bytes(match[2])
    return Account(chain=chain, address=match[2])


def parse_evm_address(text: str) -> bytes:
    """Return the 20 bytes of `0x...`, all lower case or with the right EIP-55 capitals."""
    if not _HEX_ADDRESS.fullmatch(text):
        raise IdentifierError(f"address: expected 0x and 40 hexadecimal digits, got {text[:80]!r}")
    address = bytes.fromhex(text[2:])
    if text not in (text.lower(), format_evm_address(address)):
        raise IdentifierError(f"address: expected {format_evm_address(address)} (EIP-55), got {text}")
    return address


def format_evm_address(address: bytes) -> str:
    """Return 20 bytes as `0x...` with EIP-55 capitals."""
    if len(address) != 20:
        raise IdentifierError(f"address: expected 20 bytes, got {len(address)}")
    digits = address.hex()
    marks = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        [digit.upper() if mark >= "8" else digit for digit, mark in zip(digits, marks, strict=False)]
    )


def _eip155_reference_to_bytes(reference: str) -> bytes:
    if not _DECIMAL.fullmatch(reference):
        raise IdentifierError(f"eip155 reference: expected a plain decimal number, got {reference!r}")
    number = int(reference)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _eip155_reference_to_text(data: bytes) -> str:
    if not data or data[0] == 0 or len(data) > 13:
        raise IdentifierError(f"eip155 reference: expected a minimal number, got 0x{data.hex()}")
    return str(int.from_bytes(data, "big"))


def _text_to_bytes(text: str) -> bytes:
    if not text.isascii():
        raise IdentifierError(f"expected ASCII text, got {text!r}")
    return text.encode("ascii")


def _bytes_to_text(data: bytes) -> str:
    if not data.isascii():
        raise IdentifierError(f"expected ASCII bytes, got 0x{data.hex()}")
    return data.decode("ascii")


def _bech32_to_bytes(text: str) -> bytes:
    try:
        bech32.decode(text)
    except bech32.Bech32Error as error:
        raise IdentifierError(f"address: expected Bech32, got {text[:100]!r}: {error}") from error
    return text.encode()


def _bytes_to_bech32(data: bytes) -> str:
    text = _bytes_to_text(data)
    _bech32_to_bytes(text)
    return text


def _experimental(chain_type: int) -> Profile:
    return Profile(
        chain_type=chain_type,
        experimental=True,
        reference_to_bytes=_text_to_bytes,
        reference_to_text=_bytes_to_text,
        address_to_bytes=_text_to_bytes,
        address_to_text=_bytes_to_text,
    )


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "eip155": Profile(
            chain_type=0x0000,
            experimental=False,
            reference_to_bytes=_eip155_reference_to_bytes,
            reference_to_text=_eip155_reference_to_text,
            address_to_bytes=parse_evm_address,
            address_to_text=format_evm_address,
        ),
        "memory": Profile(
            chain_type=0xFF00,
            experimental=True,
            reference_to_bytes=_text_to_bytes,
            reference_to_text=_bytes_to_text,
            address_to_bytes=parse_evm_address,
            address_to_text=format_evm_address,
        ),
        "cosmos": Profile(
            chain_type=0xFF01,
            experimental=True,
            reference_to_bytes=_text_to_bytes,
            reference_to_text=_bytes_to_text,
            address_to_bytes=_bech32_to_bytes,
            address_to_text=_bytes_to_bech32,
        ),
        "polkadot": _experimental(0xFF02),
        "fabric": _experimental(0xFF03),
    }
)
"""Namespace -> profile. A namespace that is not here has no ERC-7930 form with us."""

_BY_CHAIN_TYPE = {profile.chain_type: namespace for namespace, profile in PROFILES.items()}


def _profile(chain: ChainId) -> tuple[Profile, str]:
    """Return the profile and the reference of a chain."""
    namespace, _, reference = parse_chain(chain).partition(":")
    if namespace not in PROFILES:
        raise IdentifierError(f"chain: expected a namespace of {sorted(PROFILES)}, got {namespace!r}")
    return PROFILES[namespace], reference


def encode_interop(interop: InteropAddress) -> bytes:
    """Return the ERC-7930 bytes of an address."""
    profile, reference = _profile(interop.chain)
    if interop.address:
        profile.address_to_text(interop.address)
    parts = profile.reference_to_bytes(reference), interop.address
    if max(map(len, parts)) > 255:
        raise IdentifierError(f"address: expected at most 255 bytes, got {len(interop.address)}")
    head = _VERSION + profile.chain_type.to_bytes(2, "big")
    return head + b"".join([bytes([len(part)]) + part for part in parts])


def decode_interop(data: bytes) -> InteropAddress:
    """Return the address that these ERC-7930 bytes are, all of them and in the one spelling."""
    if data[:2] != _VERSION or len(data) < 6:
        raise IdentifierError(f"ERC-7930: expected version 1 and at least 6 bytes, got 0x{data[:16].hex()}")
    namespace = _BY_CHAIN_TYPE.get(int.from_bytes(data[2:4], "big"))
    if namespace is None:
        raise IdentifierError(
            f"ERC-7930: expected a chain type of {sorted(PROFILES)}, got 0x{data[2:4].hex()}"
        )
    reference_end = 5 + data[4]
    reference, rest = data[5:reference_end], data[reference_end:]
    if len(reference) != data[4] or not rest or len(rest) != 1 + rest[0]:
        raise IdentifierError(f"ERC-7930: lengths do not fit {len(data)} bytes")
    profile = PROFILES[namespace]
    chain = parse_chain(f"{namespace}:{profile.reference_to_text(reference)}")
    interop = InteropAddress(chain=chain, address=rest[1:])
    if encode_interop(interop) != data:
        raise IdentifierError(f"ERC-7930: expected {encode_interop(interop).hex()}, got {data.hex()}")
    return interop


def _checksum(encoded: bytes) -> str:
    return keccak256(encoded[2:])[:4].hex().upper()


def format_name(interop: InteropAddress) -> str:
    """Return the ERC-7828 text of an address: `address@chain#CHECKSUM`, for people to read and paste."""
    profile, _ = _profile(interop.chain)
    address = profile.address_to_text(interop.address) if interop.address else ""
    return f"{address}@{interop.chain}#{_checksum(encode_interop(interop))}"


def parse_name(text: str) -> InteropAddress:
    """Return the address that an ERC-7828 text names; a checksum may be left out, but not be wrong."""
    match = _NAME.fullmatch(text)
    if match is None:
        raise IdentifierError(f"name: expected address@chain#CHECKSUM (ERC-7828), got {text[:200]!r}")
    chain = parse_chain(match[2])
    profile, _ = _profile(chain)
    address = profile.address_to_bytes(match[1]) if match[1] else b""
    interop = InteropAddress(chain=chain, address=address)
    expected = _checksum(encode_interop(interop))
    if match[3] not in (None, expected):
        raise IdentifierError(f"name: expected checksum {expected}, got {match[3]}")
    return interop
