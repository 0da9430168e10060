// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {BatchReader} from "./BatchReader.sol";
import {Group} from "./IRouter.sol";
import {Ics24} from "./Ics24.sol";

/// @title Calls of an application for a run of packets, from call data that is built once.
/// @notice A `PacketCall` begins with the sequence and ends with the value: only these two change between packets. What an application returns is read up to a cap, never further.
library AppCall {
    using BatchReader for BatchReader.ValueSpace;

    /// @notice Longest acknowledgement in bytes.
    uint256 internal constant MAX_ACK = 256;
    /// @notice An encoded acknowledgement: offset, length, bytes.
    uint256 internal constant RETURN_SPACE = 0x40 + MAX_ACK;
    uint256 private constant SEQUENCE_OFFSET = 4 + 0x20;

    struct Template {
        bytes data;
        BatchReader.ValueSpace space;
    }

    /// @param data A callback encoded with an empty value.
    function open(bytes memory data, Group calldata group) internal pure returns (Template memory template) {
        bytes memory copy;
        assembly ("memory-safe") {
            // A copy at the end of memory, so that the room for the value lies directly behind it.
            copy := mload(0x40)
            let length := add(0x20, mload(data))
            mcopy(copy, data, length)
            mstore(0x40, add(copy, length))
        }
        template.data = copy;
        template.space.openValues(group);
    }

    /// @return success Whether the application returned.
    function call(Template memory template, address target, uint256 gasLimit, uint64 sequence, uint256 valueLength)
        internal
        returns (bool success)
    {
        bytes memory data = template.data;
        assembly ("memory-safe") {
            let start := add(data, 0x20)
            let length := mload(data)
            mstore(add(start, SEQUENCE_OFFSET), sequence)
            // The last word of the encoding is the length of the value.
            mstore(add(start, sub(length, 0x20)), valueLength)
            length := add(length, and(add(valueLength, 0x1f), not(0x1f)))
            success := call(gasLimit, target, 0, start, length, 0, 0)
        }
    }

    /// @notice The acknowledgement that the call just made returned, copied to `space` (of RETURN_SPACE bytes).
    /// @return start Where it begins in memory.
    /// @return length 0 when it is none: empty, not encoded as one `bytes`, above the cap, or the error acknowledgement.
    function returnedAck(bytes memory space) internal pure returns (uint256 start, uint256 length) {
        uint256 maximum = RETURN_SPACE;
        bytes32 errorAck = Ics24.ERROR_ACK;
        assembly ("memory-safe") {
            let whole := add(space, 0x20)
            let size := returndatasize()
            start := add(whole, 0x40)
            if and(gt(size, 0x40), iszero(gt(size, maximum))) {
                returndatacopy(whole, 0, size)
                if eq(mload(whole), 0x20) { length := mload(add(whole, 0x20)) }
                if gt(length, sub(size, 0x40)) { length := 0 }
                if and(eq(length, 0x20), eq(mload(start), errorAck)) { length := 0 }
            }
        }
    }

    /// @notice The first word that the call just made returned; what is missing is zero.
    function returnedWord() internal pure returns (bytes32 word) {
        assembly ("memory-safe") {
            let size := returndatasize()
            if gt(size, 0x20) { size := 0x20 }
            mstore(0x00, 0)
            returndatacopy(0x00, 0, size)
            word := mload(0x00)
        }
    }
}
