// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRouter} from "./IRouter.sol";

/// @title What the router remembers, at slots that others prove.
/// @notice README.md gives each slot as a formula; a change of this file is a change of the protocol.
abstract contract RouterStore {
    struct Counters {
        uint64 lastSequenceSent;
        uint64 lastAckBatch;
    }

    struct Client {
        address lightClient;
        string counterpartyClientId;
    }

    struct App {
        address target;
        uint32 gasLimit;
    }

    /// @dev `clientKey` is keccak256 of the client id, a `path` is keccak256 of the ICS-24 v2 path.
    /// @custom:storage-location erc7201:isthmus.router
    struct Store {
        mapping(bytes32 path => bytes32) commitments;
        mapping(bytes32 clientKey => mapping(uint256 word => uint256)) receipts;
        mapping(bytes32 clientKey => mapping(uint256 batch => bytes32)) ackBatches;
        mapping(bytes32 clientKey => Counters) counters;
        mapping(bytes32 clientKey => Client) clients;
        mapping(bytes32 portKey => App) apps;
    }

    /// keccak256(abi.encode(uint256(keccak256("isthmus.router")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 internal constant STORE_SLOT = 0xb6e2c41b80aea504a74fb8208dc83081576aaa6599c1f6dbd7fde9f2caf97200;

    function _store() internal pure returns (Store storage store) {
        assembly ("memory-safe") {
            store.slot := STORE_SLOT
        }
    }

    function _key(string memory text) internal pure returns (bytes32) {
        return keccak256(bytes(text));
    }

    function _client(string calldata clientId) internal view returns (Client storage client) {
        client = _store().clients[_key(clientId)];
        require(client.lightClient != address(0), IRouter.ClientNotFound(clientId));
    }
}
