// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AppCall} from "./AppCall.sol";
import {BatchReader, Head} from "./BatchReader.sol";
import {IIbcApp, PacketCall} from "./IIbcApp.sol";
import {Batch, Group, IRouter} from "./IRouter.sol";
import {Ics24} from "./Ics24.sol";
import {PacketHasher} from "./PacketHasher.sol";
import {RouterSteps} from "./RouterSteps.sol";

/// @title The source's half: settle sent packets, each once, by acknowledgement or by timeout.
abstract contract RouterSettle is RouterSteps {
    using BatchReader for BatchReader.ValueSpace;
    using PacketHasher for PacketHasher.CommitmentHasher;
    using PacketHasher for PacketHasher.PathHasher;

    /// @dev One settling of a batch. No acknowledgements means that the packets timed out.
    struct Settlement {
        string destClient;
        bytes[] acks;
        bytes ackIndex;
        PacketHasher.PathHasher paths;
        PacketHasher.CommitmentHasher hasher;
        uint64[] settled;
        /// Packets seen so far, and how many of them were settled.
        uint256 position;
        uint256 count;
    }

    /// @inheritdoc IRouter
    function ackPackets(Batch calldata batch, bytes[] calldata acks, bytes calldata ackIndex)
        external
        nonReentrant
        whenNotPaused
    {
        Client storage client = _client(batch.client);
        if (!_update(client, batch.update)) return;
        Head[] memory heads = BatchReader.heads(batch);
        require(ackIndex.length == heads.length, MalformedBatch());
        string memory destClient = client.counterpartyClientId;
        bytes32[] memory expected = _ackCommitments(acks, ackIndex);
        _prove(client, batch, _pairs(destClient, Ics24.ACKNOWLEDGEMENT, heads, expected));
        uint64[] memory settled = _settle(batch, destClient, acks, ackIndex);
        if (settled.length != 0) emit AckPackets(batch.client, settled);
    }

    /// @inheritdoc IRouter
    function timeoutPackets(Batch calldata batch) external nonReentrant whenNotPaused {
        Client storage client = _client(batch.client);
        if (!_update(client, batch.update)) return;
        Head[] memory heads = BatchReader.heads(batch);
        string memory destClient = client.counterpartyClientId;
        bytes32[] memory absent = new bytes32[](heads.length);
        uint64 provenTime = _prove(client, batch, _pairs(destClient, Ics24.RECEIPT, heads, absent));
        for (uint256 i = 0; i < heads.length; ++i) {
            require(
                provenTime >= heads[i].timeout(), TimeoutNotReached(heads[i].sequence(), heads[i].timeout(), provenTime)
            );
        }
        uint64[] memory settled = _settle(batch, destClient, new bytes[](0), "");
        if (settled.length != 0) emit TimeoutPackets(batch.client, settled);
    }

    function _ackCommitments(bytes[] calldata acks, bytes calldata ackIndex)
        private
        pure
        returns (bytes32[] memory expected)
    {
        bytes32[] memory distinct = new bytes32[](acks.length);
        for (uint256 a = 0; a < acks.length; ++a) {
            distinct[a] = Ics24.ackCommitment(acks[a]);
        }
        expected = new bytes32[](ackIndex.length);
        for (uint256 i = 0; i < ackIndex.length; ++i) {
            uint256 index = uint8(ackIndex[i]);
            require(index < distinct.length, MalformedBatch());
            expected[i] = distinct[index];
        }
    }

    /// Clears commitments and tells the applications, each packet for itself. Returns the sequences that are settled now.
    function _settle(Batch calldata batch, string memory destClient, bytes[] memory acks, bytes memory ackIndex)
        private
        returns (uint64[] memory settled)
    {
        uint256 packets = 0;
        for (uint256 g = 0; g < batch.groups.length; ++g) {
            packets += batch.groups[g].heads.length;
        }
        Settlement memory settlement = Settlement({
            destClient: destClient,
            acks: acks,
            ackIndex: ackIndex,
            paths: PacketHasher.openPath(batch.client, Ics24.COMMITMENT),
            hasher: PacketHasher.openCommitment(destClient),
            settled: new uint64[](packets),
            position: 0,
            count: 0
        });
        for (uint256 g = 0; g < batch.groups.length; ++g) {
            _settleGroup(batch.client, batch.groups[g], settlement);
        }
        settled = settlement.settled;
        uint256 count = settlement.count;
        assembly ("memory-safe") {
            mstore(settled, count)
        }
    }

    function _settleGroup(string calldata client, Group calldata group, Settlement memory settlement) private {
        settlement.hasher.setRoute(group.route);
        App memory target = _store().apps[_key(group.route.sourcePort)];
        AppCall.Template memory template;
        uint256 offset = 0;
        uint256 memoryEnd = _memoryEnd();
        for (uint256 h = 0; h < group.heads.length; ++h) {
            Head head = Head.wrap(group.heads[h]);
            uint256 length = head.tailLength();
            if (h == 0 || _otherAck(settlement)) {
                _cutMemory(memoryEnd); // the template before is used no more
                template = _template(client, group, settlement);
            }
            uint256 valueLength = template.space.setTail(group.tails, offset, length);
            offset += length;
            _settleOne(client, target, template, head, valueLength, settlement);
            settlement.position += 1;
        }
    }

    /// One effect: the commitment is gone before the application hears of it. Should the application fail, the commitment
    /// comes back and the same proof can be tried again.
    function _settleOne(
        string calldata client,
        App memory target,
        AppCall.Template memory template,
        Head head,
        uint256 valueLength,
        Settlement memory settlement
    ) private {
        uint64 sequence = head.sequence();
        bytes32 path = settlement.paths.pathHash(sequence);
        bytes32 known = _store().commitments[path];
        if (known == 0) return;
        bytes32 actual = settlement.hasher.commitment(head.timeout(), template.space.start, valueLength);
        require(known == actual, CommitmentMismatch(sequence, known, actual));
        delete _store().commitments[path];
        if (_callApp(target, template, sequence, valueLength)) {
            settlement.settled[settlement.count] = sequence;
            settlement.count += 1;
        } else {
            emit ApplicationFailed(client, sequence, _failure(target));
            _store().commitments[path] = known;
        }
    }

    function _memoryEnd() private pure returns (uint256 end) {
        assembly ("memory-safe") {
            end := mload(0x40)
        }
    }

    /// Gives memory from `end` on back: acknowledgements that alternate must not take a template each.
    function _cutMemory(uint256 end) private pure {
        assembly ("memory-safe") {
            mstore(0x40, end)
        }
    }

    /// Whether the present packet has another acknowledgement than the one before it.
    function _otherAck(Settlement memory settlement) private pure returns (bool) {
        uint256 i = settlement.position;
        return settlement.acks.length != 0 && settlement.ackIndex[i] != settlement.ackIndex[i - 1];
    }

    function _template(string calldata client, Group calldata group, Settlement memory settlement)
        private
        view
        returns (AppCall.Template memory)
    {
        PacketCall memory packet =
            PacketCall(0, _key(client), _routeId(group.route), msg.sender, client, settlement.destClient, "", "");
        if (settlement.acks.length == 0) return AppCall.open(abi.encodeCall(IIbcApp.onTimeoutPacket, (packet)), group);
        packet.ack = settlement.acks[uint8(settlement.ackIndex[settlement.position])];
        return AppCall.open(abi.encodeCall(IIbcApp.onAcknowledgementPacket, (packet)), group);
    }
}
