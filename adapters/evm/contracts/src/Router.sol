// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILightClient} from "./ILightClient.sol";
import {IRouter, Packet, Payload, SendRequest} from "./IRouter.sol";
import {Ics24} from "./Ics24.sol";
import {RouterReceive} from "./RouterReceive.sol";
import {RouterSettle} from "./RouterSettle.sol";

/// @title IBC v2 packet router that moves packets in lists.
/// @notice A batch is proven by one call of the light client: the router itself computes path and commitment of each packet and
/// asks for exactly that list. Order everywhere: check all, prove all, write, then call the applications.
/// Packets have one payload; `Batch` cannot express another number (see README.md).
contract Router is RouterReceive, RouterSettle {
    uint256 public constant MAX_VALUE = 64 * 1024;
    uint256 public constant MAX_TIMEOUT = 7 days;

    /// @inheritdoc IRouter
    function sendPacket(SendRequest calldata request) external whenNotPaused returns (uint64 sequence) {
        Payload calldata payload = request.payload;
        _checkPayload(payload);
        uint256 latest = block.timestamp + MAX_TIMEOUT;
        require(
            request.timeoutTimestamp > block.timestamp && request.timeoutTimestamp <= latest,
            InvalidTimeout(block.timestamp + 1, latest, request.timeoutTimestamp)
        );
        Client storage client = _client(request.sourceClient);
        Counters storage counters = _store().counters[_key(request.sourceClient)];
        sequence = ++counters.lastSequenceSent;

        Packet memory packet = Packet({
            sequence: sequence,
            sourceClient: request.sourceClient,
            destClient: client.counterpartyClientId,
            timeoutTimestamp: request.timeoutTimestamp,
            payloads: new Payload[](1)
        });
        packet.payloads[0] = payload;
        bytes32 path = Ics24.pathHash(request.sourceClient, Ics24.COMMITMENT, sequence);
        _store().commitments[path] = Ics24.packetCommitment(packet);
        emit SendPacket(request.sourceClient, sequence, packet);
    }

    /// @inheritdoc IRouter
    function updateClient(string calldata clientId, bytes calldata update) external {
        ILightClient(_client(clientId).lightClient).updateClient(update);
    }

    /// Only the application of the source port may send, and nothing that the other side would refuse to hash.
    function _checkPayload(Payload calldata payload) private view {
        address sender = _store().apps[_key(payload.sourcePort)].target;
        require(sender != address(0), AppNotFound(payload.sourcePort));
        require(sender == msg.sender, NotTheApp(payload.sourcePort, sender, msg.sender));
        require(
            bytes(payload.destPort).length != 0 && bytes(payload.version).length != 0
                && bytes(payload.encoding).length != 0 && payload.value.length != 0,
            InvalidPayload()
        );
        require(payload.value.length <= MAX_VALUE, ValueTooLarge(MAX_VALUE, payload.value.length));
    }
}
