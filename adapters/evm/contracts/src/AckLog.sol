// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AppCall} from "./AppCall.sol";
import {Ics24} from "./Ics24.sol";

/// @title The acknowledgements of one batch while it is delivered.
/// @notice Equal acknowledgements that follow each other are kept, and hashed, once.
library AckLog {
    struct Log {
        /// abi.encode(sequences, commitments), filled in place: the two arrays lie inside.
        bytes preimage;
        uint64[] sequences;
        bytes32[] commitments;
        bytes ackIndex;
        bytes[] acks;
        /// Room for what an application returns.
        bytes space;
        /// How many entries of `acks` are in use, and keccak256 and commitment of the last of them.
        uint256 used;
        bytes32 lastHash;
        bytes32 lastCommitment;
        /// Entries so far.
        uint256 count;
    }

    /// @param packets How many entries there will be.
    function open(uint256 packets) internal pure returns (Log memory log) {
        bytes memory preimage = new bytes(0x80 + packets * 0x40);
        bytes32[] memory acks = new bytes32[](packets); // pointers, set when used
        assembly ("memory-safe") {
            // Offsets of the two arrays, then the arrays, each with its length in front.
            let start := add(preimage, 0x20)
            let sequences := add(start, 0x40)
            let commitments := add(sequences, add(0x20, shl(5, packets)))
            mstore(start, 0x40)
            mstore(add(start, 0x20), sub(commitments, start))
            mstore(sequences, packets)
            mstore(commitments, packets)
            mstore(log, preimage)
            mstore(add(log, 0x20), sequences)
            mstore(add(log, 0x40), commitments)
            mstore(add(log, 0x80), acks)
        }
        log.ackIndex = new bytes(packets);
        log.space = new bytes(AppCall.RETURN_SPACE);
    }

    /// @param start Where the acknowledgement begins in memory; it is copied when it is a new one.
    function add(Log memory log, uint64 sequence, uint256 start, uint256 length) internal pure {
        bytes32 hash;
        assembly ("memory-safe") {
            hash := keccak256(start, length)
        }
        if (hash != log.lastHash) _addAck(log, hash, start, length);
        _append(log, sequence);
    }

    /// @notice The acknowledgement of a packet whose application failed.
    function addError(Log memory log, uint64 sequence) internal pure {
        bytes memory ack = abi.encodePacked(Ics24.ERROR_ACK);
        uint256 start;
        assembly ("memory-safe") {
            start := add(ack, 0x20)
        }
        add(log, sequence, start, ack.length);
    }

    /// @notice What the router stores for the batch.
    function digest(Log memory log) internal pure returns (bytes32) {
        return keccak256(log.preimage);
    }

    /// @notice The different acknowledgements, in order of first use.
    function distinct(Log memory log) internal pure returns (bytes[] memory acks) {
        acks = log.acks;
        uint256 used = log.used;
        assembly ("memory-safe") {
            mstore(acks, used)
        }
    }

    /// The arrays have one entry for each packet that is added, so the writes stay inside.
    function _append(Log memory log, uint64 sequence) private pure {
        uint256 i = log.count;
        uint64[] memory sequences = log.sequences;
        require(i < sequences.length);
        bytes32[] memory commitments = log.commitments;
        bytes memory ackIndex = log.ackIndex;
        bytes32 commitment = log.lastCommitment;
        unchecked {
            uint256 index = log.used - 1;
            assembly ("memory-safe") {
                let word := shl(5, add(i, 1))
                mstore(add(sequences, word), sequence)
                mstore(add(commitments, word), commitment)
                mstore8(add(add(ackIndex, 0x20), i), index)
            }
            log.count = i + 1;
        }
    }

    function _addAck(Log memory log, bytes32 hash, uint256 start, uint256 length) private pure {
        bytes memory ack = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(ack, 0x20), start, length)
        }
        log.acks[log.used] = ack;
        log.used += 1;
        log.lastHash = hash;
        log.lastCommitment = Ics24.ackCommitment(ack);
    }
}
