// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title What the router calls on an application. The application must accept these calls from the router alone.
/// @notice `route` is `Ics24.routeId` of source port, destination port, version and encoding: an application compares it with the one
/// that it serves.
/// @dev `value`, the payload's, stands last in each function: the router builds the call data once for a run of packets
/// and exchanges only sequence and value.
interface IIbcApp {
    /// @return ack The acknowledgement: not empty, not the error acknowledgement, at most 256 bytes. A revert rolls the
    /// application back and gives the packet the error acknowledgement.
    function onRecvPacket(
        string calldata sourceClient,
        string calldata destClient,
        uint64 sequence,
        address relayer,
        bytes32 route,
        bytes calldata value
    ) external returns (bytes memory ack);

    /// @notice A revert keeps the packet open, so that the call can be tried again.
    function onAcknowledgementPacket(
        string calldata sourceClient,
        string calldata destClient,
        uint64 sequence,
        address relayer,
        bytes calldata ack,
        bytes32 route,
        bytes calldata value
    ) external;

    /// @notice A revert keeps the packet open, so that the call can be tried again.
    function onTimeoutPacket(
        string calldata sourceClient,
        string calldata destClient,
        uint64 sequence,
        address relayer,
        bytes32 route,
        bytes calldata value
    ) external;
}
