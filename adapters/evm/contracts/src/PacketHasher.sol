// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {BatchReader} from "./BatchReader.sol";
import {Route} from "./IRouter.sol";

/// @title Paths and packet commitments of a run of packets, hashed in buffers that are filled once.
/// @notice What a run shares (client, route, leading bytes of the values) is hashed or copied once; each packet then costs four
/// sha256 and one keccak256. Same results as `Ics24`.
library PacketHasher {
    error HashFailed();

    /// @dev `path`: client id || kind || sequence, and 24 bytes of room behind.
    struct PathHasher {
        bytes path;
        uint256 length;
    }

    /// @dev `payload`: five hashes (source port, destination port, version, encoding, value).
    /// `packet`: 0x02 || sha256(destination client) || sha256(timeout) || sha256(payload hash), 97 bytes.
    struct CommitmentHasher {
        bytes payload;
        bytes packet;
        uint64 timeout;
    }

    function openPath(string memory clientId, uint8 kind) internal pure returns (PathHasher memory hasher) {
        hasher.path = abi.encodePacked(clientId, kind, bytes32(0));
        hasher.length = bytes(clientId).length + 9;
    }

    function pathHash(PathHasher memory hasher, uint64 sequence) internal pure returns (bytes32 result) {
        bytes memory path = hasher.path;
        uint256 length = hasher.length;
        assembly ("memory-safe") {
            let start := add(path, 0x20)
            mstore(add(start, sub(length, 8)), shl(192, sequence))
            result := keccak256(start, length)
        }
    }

    function openCommitment(string memory destClient) internal pure returns (CommitmentHasher memory hasher) {
        hasher.payload = new bytes(160);
        hasher.packet = abi.encodePacked(uint8(2), sha256(bytes(destClient)), sha256(abi.encodePacked(uint64(0))), bytes32(0));
    }

    function setRoute(CommitmentHasher memory hasher, Route calldata route) internal pure {
        bytes32 sourcePort = sha256(bytes(route.sourcePort));
        bytes32 destPort = sha256(bytes(route.destPort));
        bytes32 version = sha256(bytes(route.version));
        bytes32 encoding = sha256(bytes(route.encoding));
        bytes memory payload = hasher.payload;
        assembly ("memory-safe") {
            mstore(add(payload, 0x20), sourcePort)
            mstore(add(payload, 0x40), destPort)
            mstore(add(payload, 0x60), version)
            mstore(add(payload, 0x80), encoding)
        }
    }

    /// @param valueAt Where the value of the payload begins in memory.
    function commitment(CommitmentHasher memory hasher, uint64 timeout, uint256 valueAt, uint256 valueLength)
        internal
        view
        returns (bytes32 result)
    {
        bytes memory payload = hasher.payload;
        bytes memory packet = hasher.packet;
        if (timeout != hasher.timeout) _setTimeout(hasher, timeout);
        bool ok;
        assembly ("memory-safe") {
            let last := add(packet, 0x61)
            ok := staticcall(gas(), 2, valueAt, valueLength, add(payload, 0xa0), 0x20)
            ok := and(ok, staticcall(gas(), 2, add(payload, 0x20), 0xa0, last, 0x20))
            ok := and(ok, staticcall(gas(), 2, last, 0x20, last, 0x20))
            ok := and(ok, staticcall(gas(), 2, add(packet, 0x20), 0x61, 0x00, 0x20))
            result := mload(0x00)
        }
        require(ok, HashFailed());
    }

    function _setTimeout(CommitmentHasher memory hasher, uint64 timeout) private pure {
        hasher.timeout = timeout;
        bytes memory packet = hasher.packet;
        bytes32 timeoutHash = sha256(abi.encodePacked(timeout));
        assembly ("memory-safe") {
            mstore(add(packet, 0x41), timeoutHash)
        }
    }

    /// @notice What `pathHash` and `commitment` give for each packet of a run, as (path, commitment) pairs.
    /// @param pairs Has room for them from the pair `first` on.
    /// @param space Room for one value, the prefix in place.
    /// @param words Heads, see `BatchReader`; their tail lengths together are the length of `tails`.
    function putPairs(
        bytes memory pairs,
        uint256 first,
        PathHasher memory paths,
        CommitmentHasher memory hasher,
        BatchReader.ValueSpace memory space,
        bytes32[] calldata words,
        bytes calldata tails
    ) internal view {
        require((first + words.length) * 64 <= pairs.length, HashFailed());
        bool ok = true;
        assembly ("memory-safe") {
            let path := add(mload(paths), 0x20)
            let pathLength := mload(add(paths, 0x20))
            let payload := add(mload(hasher), 0x20)
            let packet := add(mload(add(hasher, 0x20)), 0x20)
            let known := mload(add(hasher, 0x40)) // the timeout whose hash stands in `packet`
            let value := mload(space)
            let prefixLength := mload(add(space, 0x20))
            let tail := tails.offset
            let out := add(add(pairs, 0x20), shl(6, first))
            let end := add(words.offset, shl(5, words.length))
            for { let word := words.offset } lt(word, end) { word := add(word, 0x20) } {
                let head := calldataload(word)
                let length := and(shr(96, head), 0xffffffff)
                calldatacopy(add(value, prefixLength), tail, length)
                tail := add(tail, length)

                let timeout := and(shr(128, head), 0xffffffffffffffff)
                if iszero(eq(timeout, known)) {
                    known := timeout
                    mstore(0x00, shl(192, timeout))
                    ok := and(ok, staticcall(gas(), 2, 0x00, 8, add(packet, 0x21), 0x20))
                }
                // sha256 of the value, of the payload, of the list of one payload, of the packet
                ok := and(ok, staticcall(gas(), 2, value, add(prefixLength, length), add(payload, 0x80), 0x20))
                ok := and(ok, staticcall(gas(), 2, payload, 0xa0, add(packet, 0x41), 0x20))
                ok := and(ok, staticcall(gas(), 2, add(packet, 0x41), 0x20, add(packet, 0x41), 0x20))
                ok := and(ok, staticcall(gas(), 2, packet, 0x61, add(out, 0x20), 0x20))

                mstore(add(path, sub(pathLength, 8)), shl(192, shr(192, head)))
                mstore(out, keccak256(path, pathLength))
                out := add(out, 0x40)
            }
            mstore(add(hasher, 0x40), known)
        }
        require(ok, HashFailed());
    }
}
