// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AckLog} from "./AckLog.sol";
import {AppCall} from "./AppCall.sol";
import {BatchReader, Head} from "./BatchReader.sol";
import {IIbcApp, PacketCall} from "./IIbcApp.sol";
import {Batch, Group, IRouter} from "./IRouter.sol";
import {Ics24} from "./Ics24.sol";
import {PacketHasher} from "./PacketHasher.sol";
import {RouterSteps} from "./RouterSteps.sol";

/// @title The destination's half: receive packets, remember that, and store what the applications answer.
abstract contract RouterReceive is RouterSteps {
    using AckLog for AckLog.Log;
    using BatchReader for BatchReader.ValueSpace;
    using PacketHasher for PacketHasher.CommitmentHasher;

    /// @inheritdoc IRouter
    function recvPackets(Batch calldata batch) external nonReentrant whenNotPaused {
        Client storage client = _client(batch.client);
        if (!_update(client, batch.update)) return;
        Head[] memory heads = BatchReader.heads(batch);
        (uint256 fresh, uint256 count, uint256 expired) = _markReceived(batch.client, heads);
        if (fresh | expired == 0) return;
        string memory sourceClient = client.counterpartyClientId;
        _prove(client, batch, _sentPairs(batch, sourceClient, heads.length));
        _reportExpired(batch.client, heads, expired);
        if (fresh != 0) _deliver(batch, sourceClient, fresh, count);
    }

    /// Sets the receipt bit of each packet that is new and in time. Bit i of `fresh` and `expired` stands for packet i.
    /// `count` is the number of fresh ones.
    function _markReceived(string calldata clientId, Head[] memory heads)
        private
        returns (uint256 fresh, uint256 count, uint256 expired)
    {
        mapping(uint256 => uint256) storage words = _store().receipts[_key(clientId)];
        uint256 index = heads[0].sequence() >> 8;
        uint256 word = words[index];
        uint256 packets = heads.length;
        unchecked {
            for (uint256 i = 0; i < packets; ++i) {
                Head head = heads[i];
                uint256 sequence = head.sequence();
                if (sequence >> 8 != index) {
                    words[index] = word;
                    index = sequence >> 8;
                    word = words[index];
                }
                uint256 bit = 1 << (sequence & 0xff);
                if (word & bit != 0) continue;
                if (block.timestamp >= head.timeout()) {
                    expired |= 1 << i;
                    continue;
                }
                word |= bit;
                fresh |= 1 << i;
                ++count;
            }
        }
        words[index] = word;
    }

    function _reportExpired(string calldata clientId, Head[] memory heads, uint256 expired) private {
        for (uint256 i = 0; expired != 0; ++i) {
            if (expired & 1 == 1) emit PacketExpired(clientId, heads[i].sequence());
            expired >>= 1;
        }
    }

    /// (path, commitment) of each packet, as the source stores it.
    function _sentPairs(Batch calldata batch, string memory sourceClient, uint256 packets)
        private
        view
        returns (bytes memory pairs)
    {
        PacketHasher.PathHasher memory paths = PacketHasher.openPath(sourceClient, Ics24.COMMITMENT);
        PacketHasher.CommitmentHasher memory hasher = PacketHasher.openCommitment(batch.client);
        pairs = new bytes(packets * 64);
        uint256 first = 0;
        for (uint256 g = 0; g < batch.groups.length; ++g) {
            Group calldata group = batch.groups[g];
            hasher.setRoute(group.route);
            BatchReader.ValueSpace memory space;
            space.openValues(group);
            PacketHasher.putPairs(pairs, first, paths, hasher, space, group.heads, group.tails);
            first += group.heads.length;
        }
    }

    /// Gives the fresh packets to their applications, and stores their acknowledgements as one batch.
    function _deliver(Batch calldata batch, string memory sourceClient, uint256 fresh, uint256 count) private {
        AckLog.Log memory log = AckLog.open(count);
        for (uint256 g = 0; g < batch.groups.length; ++g) {
            fresh = _deliverGroup(batch, batch.groups[g], sourceClient, fresh, log);
        }
        bytes32 clientKey = _key(batch.client);
        uint64 number = ++_store().counters[clientKey].lastAckBatch;
        _store().ackBatches[clientKey][number] = log.digest();
        emit WriteAcknowledgements(batch.client, number, log.sequences, log.ackIndex, log.distinct());
    }

    /// @return What is left of `fresh` for the groups after this one.
    function _deliverGroup(
        Batch calldata batch,
        Group calldata group,
        string memory sourceClient,
        uint256 fresh,
        AckLog.Log memory log
    ) private returns (uint256) {
        App memory target = _store().apps[_key(group.route.destPort)];
        AppCall.Template memory template = _template(batch.client, sourceClient, group);
        bytes32[] calldata words = group.heads;
        bytes calldata tails = group.tails;
        uint256 offset = 0;
        unchecked {
            for (uint256 h = 0; h < words.length; ++h) {
                Head head = Head.wrap(words[h]);
                uint256 length = head.tailLength();
                if (fresh & 1 == 1) {
                    uint256 valueLength = template.space.setTail(tails, offset, length);
                    _deliverOne(batch, target, template, head.sequence(), valueLength, log);
                }
                offset += length;
                fresh >>= 1;
            }
        }
        return fresh;
    }

    function _template(string calldata destClient, string memory sourceClient, Group calldata group)
        private
        view
        returns (AppCall.Template memory)
    {
        PacketCall memory packet =
            PacketCall(0, _key(destClient), _routeId(group.route), msg.sender, sourceClient, destClient, "", "");
        return AppCall.open(abi.encodeCall(IIbcApp.onRecvPacket, (packet)), group);
    }

    function _deliverOne(
        Batch calldata batch,
        App memory target,
        AppCall.Template memory template,
        uint64 sequence,
        uint256 valueLength,
        AckLog.Log memory log
    ) private {
        if (_callApp(target, template, sequence, valueLength)) {
            (uint256 start, uint256 length) = AppCall.returnedAck(log.space);
            require(length != 0, BadAcknowledgement(sequence));
            log.add(sequence, start, length);
        } else {
            emit ApplicationFailed(batch.client, sequence, _failure(target));
            log.addError(sequence);
        }
    }
}
