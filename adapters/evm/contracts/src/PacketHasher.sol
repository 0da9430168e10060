// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

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
        if (timeout != hasher.timeout) {
            hasher.timeout = timeout;
            bytes32 timeoutHash = sha256(abi.encodePacked(timeout));
            assembly ("memory-safe") {
                mstore(add(packet, 0x41), timeoutHash)
            }
        }
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
}
