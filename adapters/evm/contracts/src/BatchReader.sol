// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Batch, Group, IRouter} from "./IRouter.sol";

/// @notice One word for each packet of a batch: sequence (8 bytes), timeout (8), length of its own part of the value (4), zero (12).
type Head is bytes32;

using {sequence, timeout, tailLength} for Head global;

function sequence(Head head) pure returns (uint64) {
    return uint64(uint256(Head.unwrap(head)) >> 192);
}

function timeout(Head head) pure returns (uint64) {
    return uint64(uint256(Head.unwrap(head)) >> 128);
}

function tailLength(Head head) pure returns (uint256) {
    return uint32(uint256(Head.unwrap(head)) >> 96);
}

/// @title Checks a batch as a whole, and lays its values out in memory one after the other.
library BatchReader {
    /// @notice Packets of one batch: one bit of a word for each, and a gas bill that fits a block.
    uint256 internal constant MAX_PACKETS = 256;

    /// @dev Room for one value: the group's prefix is already there, each packet's tail is written behind it.
    struct ValueSpace {
        uint256 start;
        uint256 prefixLength;
    }

    /// @notice The heads of all groups in order, checked: 1 to 256, no sequence 0, unused bytes zero, tails consumed exactly.
    function heads(Batch calldata batch) internal pure returns (Head[] memory all) {
        uint256 total = 0;
        for (uint256 g = 0; g < batch.groups.length; ++g) {
            total += batch.groups[g].heads.length;
        }
        require(total <= MAX_PACKETS, IRouter.TooManyPackets(MAX_PACKETS, total));
        require(total != 0, IRouter.MalformedBatch());
        all = new Head[](total);
        uint256 first = 0;
        for (uint256 g = 0; g < batch.groups.length; ++g) {
            Group calldata group = batch.groups[g];
            require(_copyHeads(all, first, group.heads) == group.tails.length, IRouter.MalformedBatch());
            first += group.heads.length;
        }
    }

    /// Copies and checks the heads of one group. `all` has room for them from `first`.
    /// Returns the sum of their tail lengths.
    function _copyHeads(Head[] memory all, uint256 first, bytes32[] calldata words)
        private
        pure
        returns (uint256 lengths)
    {
        uint256 count = words.length;
        bool wrong = false;
        assembly ("memory-safe") {
            let from := add(add(all, 0x20), shl(5, first))
            let end := add(from, shl(5, count))
            calldatacopy(from, words.offset, shl(5, count))
            for {} lt(from, end) { from := add(from, 0x20) } {
                let word := mload(from)
                lengths := add(lengths, and(shr(96, word), 0xffffffff))
                // Sequence 0, or a bit in the last twelve bytes.
                wrong := or(wrong, or(iszero(shr(192, word)), shl(160, word)))
            }
        }
        require(!wrong, IRouter.MalformedBatch());
    }

    /// @notice Lays out room for any value of `group` at the free memory pointer, with the prefix in place.
    /// @dev Takes the struct instead of making one: the room begins exactly at the free memory pointer.
    function openValues(ValueSpace memory space, Group calldata group) internal pure {
        bytes calldata prefix = group.prefix;
        bytes calldata tails = group.tails;
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
            // One word more for the padding of the last word; the pointer behind it is aligned.
            mstore(0x40, and(add(add(add(start, prefix.length), tails.length), 0x5f), not(0x1f)))
            calldatacopy(start, prefix.offset, prefix.length)
        }
        space.start = start;
        space.prefixLength = prefix.length;
    }

    /// @notice Writes `length` bytes of `tails` from `offset` behind the prefix, and one zero word behind them.
    /// @dev `heads` has checked that all lengths together are the length of `tails`.
    /// @return valueLength Length of the whole value, which begins at `space.start`.
    function setTail(ValueSpace memory space, bytes calldata tails, uint256 offset, uint256 length)
        internal
        pure
        returns (uint256 valueLength)
    {
        assembly ("memory-safe") {
            let prefixLength := mload(add(space, 0x20))
            valueLength := add(prefixLength, length)
            let start := mload(space)
            calldatacopy(add(start, prefixLength), add(tails.offset, offset), length)
            mstore(add(start, valueLength), 0)
        }
    }
}
