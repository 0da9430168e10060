// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Packet, Payload} from "./IRouter.sol";

/// @title Paths (ICS-24 v2) and commitments (ICS-4 v2), written the plain way.
/// @notice The batch loops use `PacketHasher`, which gives the same results for less gas; a test holds them together.
library Ics24 {
    uint8 internal constant COMMITMENT = 1;
    uint8 internal constant RECEIPT = 2;
    uint8 internal constant ACKNOWLEDGEMENT = 3;

    /// @notice sha256("UNIVERSAL_ERROR_ACKNOWLEDGEMENT"): the acknowledgement of a packet whose application failed.
    bytes32 internal constant ERROR_ACK = 0x4774d4a575993f963b1c06573736617a457abef8589178db8d10c94b4ab511ab;

    uint256 private constant MAX_CLIENT_ID = 64;

    /// @notice keccak256 of the path of `kind` for one packet: also the key of the commitment mapping.
    function pathHash(string memory clientId, uint8 kind, uint64 sequence) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(clientId, kind, sequence));
    }

    /// @notice One word for where a payload comes from, where it goes and how it is written.
    function routeId(string memory sourcePort, string memory destPort, string memory version, string memory encoding)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(sourcePort, destPort, version, encoding));
    }

    function packetCommitment(Packet memory packet) internal pure returns (bytes32) {
        bytes memory payloads;
        for (uint256 i = 0; i < packet.payloads.length; ++i) {
            payloads = bytes.concat(payloads, payloadHash(packet.payloads[i]));
        }
        return sha256(
            abi.encodePacked(
                uint8(2),
                sha256(bytes(packet.destClient)),
                sha256(abi.encodePacked(packet.timeoutTimestamp)),
                sha256(payloads)
            )
        );
    }

    function payloadHash(Payload memory payload) internal pure returns (bytes32) {
        return sha256(
            abi.encodePacked(
                sha256(bytes(payload.sourcePort)),
                sha256(bytes(payload.destPort)),
                sha256(bytes(payload.version)),
                sha256(bytes(payload.encoding)),
                sha256(payload.value)
            )
        );
    }

    function ackCommitment(bytes[] memory acks) internal pure returns (bytes32) {
        bytes memory hashes = hex"02";
        for (uint256 i = 0; i < acks.length; ++i) {
            hashes = bytes.concat(hashes, sha256(acks[i]));
        }
        return sha256(hashes);
    }

    /// @notice The acknowledgement commitment of a packet with one payload.
    function ackCommitment(bytes memory ack) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(2), sha256(ack)));
    }

    /// @notice 1 to 64 characters, letters, digits and . _ + - # [ ] < >: no name can contain a slash or look like part of a path.
    function isClientId(string memory clientId) internal pure returns (bool) {
        bytes memory text = bytes(clientId);
        if (text.length == 0 || text.length > MAX_CLIENT_ID) return false;
        for (uint256 i = 0; i < text.length; ++i) {
            bytes1 c = text[i];
            bool letter = (c >= "a" && c <= "z") || (c >= "A" && c <= "Z") || (c >= "0" && c <= "9");
            bool sign = c == "." || c == "_" || c == "+" || c == "-" || c == "#" || c == "[" || c == "]" || c == "<"
                || c == ">";
            if (!letter && !sign) return false;
        }
        return true;
    }
}
