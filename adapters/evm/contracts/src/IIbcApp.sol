// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @notice A packet as the router shows it to an application.
/// @dev `value` stands last: the router builds the call data once for a run of packets and exchanges only sequence and value.
struct PacketCall {
    uint64 sequence;
    /// keccak256 of this chain's client id: the destination client on receipt, the source client otherwise.
    bytes32 clientKey;
    /// `Ics24.routeId` of source port, destination port, version and encoding: an application compares it with its own.
    bytes32 route;
    address relayer;
    string sourceClient;
    string destClient;
    /// The acknowledgement; empty on receipt and on timeout.
    bytes ack;
    /// The payload's value.
    bytes value;
}

/// @title What the router calls on an application. The application must accept these calls from the router alone.
interface IIbcApp {
    /// @return ack The acknowledgement: not empty, not the error acknowledgement, at most 256 bytes. A revert rolls the
    /// application back and gives the packet the error acknowledgement.
    function onRecvPacket(PacketCall calldata packet) external returns (bytes memory ack);

    /// @notice A revert keeps the packet open, so that the call can be tried again.
    function onAcknowledgementPacket(PacketCall calldata packet) external;

    /// @notice A revert keeps the packet open, so that the call can be tried again.
    function onTimeoutPacket(PacketCall calldata packet) external;
}
