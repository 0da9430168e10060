// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {AppCall} from "./AppCall.sol";
import {Head} from "./BatchReader.sol";
import {ILightClient, UpdateResult} from "./ILightClient.sol";
import {Batch, Route} from "./IRouter.sol";
import {Ics24} from "./Ics24.sol";
import {PacketHasher} from "./PacketHasher.sol";
import {RouterAdmin} from "./RouterAdmin.sol";

/// @title Steps that receiving, acknowledging and timing out have in common.
abstract contract RouterSteps is RouterAdmin, ReentrancyGuardTransient {
    using AppCall for AppCall.Template;
    using PacketHasher for PacketHasher.PathHasher;

    /// Gas beyond the application's share that must be there before it is called.
    uint256 private constant CALL_MARGIN = 5000;

    /// False when the update froze the client: then nothing else may happen, and nothing may revert, for it must stay frozen.
    function _update(Client storage client, bytes calldata update) internal returns (bool usable) {
        if (update.length == 0) return true;
        return ILightClient(client.lightClient).updateClient(update) != UpdateResult.Misbehaviour;
    }

    /// The router's own list of pairs, against the proof that the relay brought. Returns the time that the proof is of.
    function _prove(Client storage client, Batch calldata batch, bytes memory pairs) internal view returns (uint64) {
        return ILightClient(client.lightClient).verifyPairs(batch.proofHeight, pairs, batch.proof);
    }

    /// (path, value) of each packet for what the destination stores or lacks.
    function _pairs(string memory clientId, uint8 kind, Head[] memory heads, bytes32[] memory values)
        internal
        pure
        returns (bytes memory pairs)
    {
        PacketHasher.PathHasher memory paths = PacketHasher.openPath(clientId, kind);
        pairs = new bytes(heads.length * 64);
        for (uint256 i = 0; i < heads.length; ++i) {
            _putPair(pairs, i, paths.pathHash(heads[i].sequence()), values[i]);
        }
    }

    function _putPair(bytes memory pairs, uint256 i, bytes32 path, bytes32 value) internal pure {
        assembly ("memory-safe") {
            let start := add(add(pairs, 0x20), shl(6, i))
            mstore(start, path)
            mstore(add(start, 0x20), value)
        }
    }

    function _routeId(Route calldata route) internal pure returns (bytes32) {
        return Ics24.routeId(route.sourcePort, route.destPort, route.version, route.encoding);
    }

    /// Calls an application with exactly its share of gas: the transaction's gas can make the batch revert, but cannot make
    /// an application fail that would succeed with its share.
    function _callApp(App memory target, AppCall.Template memory template, uint64 sequence, uint256 valueLength)
        internal
        returns (bool success)
    {
        address app_ = target.target;
        if (app_ == address(0)) return false;
        uint256 share = target.gasLimit;
        unchecked {
            uint256 available = gasleft() - gasleft() / 64;
            require(available >= share + CALL_MARGIN, NotEnoughGas(sequence, share + CALL_MARGIN, available));
        }
        return template.call(app_, share, sequence, valueLength);
    }

    /// Why the call that was just made failed: the first word that it returned.
    function _failure(App memory target) internal pure returns (bytes32) {
        return target.target == address(0) ? bytes32(AppNotFound.selector) : AppCall.returnedWord();
    }
}
