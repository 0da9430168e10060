// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Ics24} from "./Ics24.sol";
import {ClientInfo, Counterparty, IRouter, Packet} from "./IRouter.sol";
import {RouterStore} from "./RouterStore.sol";

/// @title What operators may do with the router, and what anyone may read of it.
/// @notice Every operator function is `restricted`: the AccessManager says which role calls it and after which delay. No role can
/// write a receipt, a commitment or an acknowledgement; pausing stops packets and moves nothing.
abstract contract RouterAdmin is IRouter, RouterStore, Initializable, AccessManaged, Pausable, UUPSUpgradeable {
    /// @dev The implementation behind the proxy obeys nobody and cannot be initialized.
    constructor() AccessManaged(address(0)) {
        _disableInitializers();
    }

    /// @param authority The AccessManager.
    function initialize(address authority) external initializer {
        _setAuthority(authority);
    }

    /// @inheritdoc IRouter
    function addClient(string calldata clientId, Counterparty calldata counterparty, address lightClient)
        external
        restricted
    {
        require(Ics24.isClientId(clientId), InvalidClientId(clientId));
        require(Ics24.isClientId(counterparty.clientId), InvalidClientId(counterparty.clientId));
        require(
            counterparty.merklePrefix.length == 1 && counterparty.merklePrefix[0].length == 0, UnsupportedMerklePrefix()
        );
        require(lightClient.code.length != 0, InvalidLightClient(lightClient));
        Client storage client = _store().clients[_key(clientId)];
        require(client.lightClient == address(0), ClientAlreadyExists(clientId));
        client.lightClient = lightClient;
        client.counterpartyClientId = counterparty.clientId;
        emit ClientAdded(clientId, counterparty.clientId, lightClient);
    }

    /// @inheritdoc IRouter
    function migrateClient(string calldata clientId, address lightClient) external restricted {
        require(lightClient.code.length != 0, InvalidLightClient(lightClient));
        _client(clientId).lightClient = lightClient;
        emit ClientMigrated(clientId, lightClient);
    }

    /// @inheritdoc IRouter
    function registerApp(string calldata port, address target, uint32 gasLimit) external restricted {
        require(
            bytes(port).length != 0 && target.code.length != 0 && gasLimit != 0, InvalidApp(port, target, gasLimit)
        );
        _store().apps[_key(port)] = App(target, gasLimit);
        emit AppRegistered(port, target, gasLimit);
    }

    /// @inheritdoc IRouter
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc IRouter
    function unpause() external restricted {
        _unpause();
    }

    /// @inheritdoc IRouter
    function clientInfo(string calldata clientId) external view returns (ClientInfo memory) {
        Client storage client = _client(clientId);
        Counters storage counters = _store().counters[_key(clientId)];
        return ClientInfo(
            client.counterpartyClientId, client.lightClient, counters.lastSequenceSent, counters.lastAckBatch
        );
    }

    /// @inheritdoc IRouter
    function commitments(string calldata clientId, uint64[] calldata sequences)
        external
        view
        returns (bytes32[] memory found)
    {
        found = new bytes32[](sequences.length);
        for (uint256 i = 0; i < sequences.length; ++i) {
            found[i] = _store().commitments[Ics24.pathHash(clientId, Ics24.COMMITMENT, sequences[i])];
        }
    }

    /// @inheritdoc IRouter
    function received(string calldata clientId, uint64[] calldata sequences) external view returns (bool[] memory found) {
        mapping(uint256 => uint256) storage words = _store().receipts[_key(clientId)];
        found = new bool[](sequences.length);
        for (uint256 i = 0; i < sequences.length; ++i) {
            found[i] = words[sequences[i] >> 8] >> (sequences[i] & 0xff) & 1 == 1;
        }
    }

    /// @inheritdoc IRouter
    function ackBatches(string calldata clientId, uint64 first, uint64 count)
        external
        view
        returns (bytes32[] memory found)
    {
        mapping(uint256 => bytes32) storage batches = _store().ackBatches[_key(clientId)];
        found = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            found[i] = batches[uint256(first) + i];
        }
    }

    /// @inheritdoc IRouter
    function app(string calldata port) external view returns (address, uint32) {
        App storage found = _store().apps[_key(port)];
        return (found.target, found.gasLimit);
    }

    /// @inheritdoc IRouter
    function packetCommitment(Packet calldata packet) external pure returns (bytes32) {
        return Ics24.packetCommitment(packet);
    }

    /// @inheritdoc IRouter
    function ackCommitment(bytes[] calldata acks) external pure returns (bytes32) {
        return Ics24.ackCommitment(acks);
    }

    function _authorizeUpgrade(address) internal override restricted {}
}
