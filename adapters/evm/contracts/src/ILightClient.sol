// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

enum UpdateResult {
    Update,
    Misbehaviour,
    NoOp
}

struct Height {
    uint64 revisionNumber;
    uint64 revisionHeight;
}

struct MsgVerifyMembership {
    bytes proof;
    Height proofHeight;
    bytes[] path;
    bytes value;
}

struct MsgVerifyNonMembership {
    bytes proof;
    Height proofHeight;
    bytes[] path;
}

/// @title What the router asks of a light client.
/// @notice The first three functions have the shape that other IBC v2 implementations in Solidity use; `verifyPairs` is the
/// list form, so that a batch pays for its proof once.
interface ILightClient {
    function updateClient(bytes calldata updateMsg) external returns (UpdateResult);

    /// @return timestamp Consensus time at the proof height, unix seconds. Reverts when not proven.
    function verifyMembership(MsgVerifyMembership calldata message) external view returns (uint256 timestamp);

    /// @return timestamp Consensus time at the proof height, unix seconds. Reverts when absence is not proven.
    function verifyNonMembership(MsgVerifyNonMembership calldata message) external view returns (uint256 timestamp);

    /// @notice Verifies a whole list against one proof.
    /// @param height Height of the other chain at which all pairs hold.
    /// @param pairs 64 bytes each: keccak256 of the ICS-24 v2 path, then the commitment; zero stands for absence.
    /// @return timestamp Consensus time at that height, unix seconds. Reverts unless every pair is proven.
    function verifyPairs(uint64 height, bytes calldata pairs, bytes calldata proof)
        external
        view
        returns (uint64 timestamp);

    function getClientState() external view returns (bytes memory);
}
