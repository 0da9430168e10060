// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {AttestationClient} from "../src/AttestationClient.sol";
import {Erc7786Gateway} from "../src/Erc7786Gateway.sol";
import {Ics20Transfer} from "../src/Ics20Transfer.sol";
import {Ics24} from "../src/Ics24.sol";
import {Batch, Counterparty, Group, IRouter, Packet, Payload, Route} from "../src/IRouter.sol";
import {Router} from "../src/Router.sol";
import {SampleApp} from "../src/SampleApp.sol";
import {Cheats, Vm} from "./Cheats.sol";

/// @dev Two chains in one EVM, and an honest relay with the keys of both attestor sets. Lists and proofs are built here
/// from `Ics24` and plain abi.encode, so every delivery also checks the router's own way of building them.
abstract contract World is Cheats {
    struct Side {
        uint256 chainId;
        string clientId;
        AccessManager manager;
        Router router;
        AttestationClient client;
        Erc7786Gateway gateway;
        Ics20Transfer transfer;
        SampleApp app;
        uint256 firstKey;
    }

    uint256 internal constant ATTESTORS = 3;
    uint8 internal constant THRESHOLD = 2;
    uint256 internal constant START = 1_700_000_000;
    uint32 internal constant APP_GAS = 1_800_000;

    Side internal a;
    Side internal b;
    uint64 internal height = 100;

    function setUp() public virtual {
        vm.warp(START);
        _deploy(a, 1001, "lane-0", "lane-7", 0xA000);
        _deploy(b, 1002, "lane-7", "lane-0", 0xB000);
        _link(a, b);
        _link(b, a);
    }

    function _deploy(Side storage s, uint256 chainId, string memory id, string memory otherId, uint256 firstKey) private {
        s.chainId = chainId;
        s.clientId = id;
        s.firstKey = firstKey;
        s.manager = new AccessManager(address(this));
        bytes memory init = abi.encodeCall(s.router.initialize, (address(s.manager)));
        s.router = Router(address(new ERC1967Proxy(address(new Router()), init)));
        s.client = new AttestationClient(_attestors(firstKey, ATTESTORS), THRESHOLD, 0, 0, 1 days);
        s.gateway = new Erc7786Gateway(address(s.manager), s.router);
        init = abi.encodeCall(s.transfer.initialize, (address(s.manager), s.router));
        s.transfer = Ics20Transfer(address(new ERC1967Proxy(address(new Ics20Transfer()), init)));
        s.app = new SampleApp(address(s.gateway));
        s.router.registerApp("erc7786", address(s.gateway), APP_GAS);
        s.router.registerApp("gmpport", address(s.gateway), APP_GAS);
        s.router.registerApp("transfer", address(s.transfer), APP_GAS);
        s.router.addClient(id, _counterparty(otherId), address(s.client));
    }

    function _link(Side storage s, Side storage other) private {
        s.gateway.linkChain(InteroperableAddress.formatEvmV1(other.chainId), s.clientId);
    }

    function _counterparty(string memory id) internal pure returns (Counterparty memory) {
        return Counterparty(id, new bytes[](1));
    }

    function _attestors(uint256 firstKey, uint256 count) internal pure returns (address[] memory attestors) {
        attestors = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            attestors[i] = vm.addr(firstKey + i);
        }
    }

    // What an honest relay does.

    /// The packets that a call sent: read from the recorded logs of `s.router`.
    function _sent(Side storage s) internal returns (Packet[] memory packets) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        packets = new Packet[](logs.length);
        uint256 count = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            bool wanted = logs[i].emitter == address(s.router) && logs[i].topics[0] == IRouter.SendPacket.selector;
            if (wanted) packets[count++] = abi.decode(logs[i].data, (Packet));
        }
        assembly {
            mstore(packets, count)
        }
    }

    function _recv(Side storage to, Packet[] memory packets) internal {
        vm.chainId(to.chainId);
        to.router.recvPackets(_recvBatch(to, packets));
    }

    /// Delivers packets of which the first must make its application fail; returns the first four bytes of why.
    function _recvFailing(Side storage to, Packet[] memory packets) internal returns (bytes4) {
        vm.recordLogs();
        _recv(to, packets);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            bool failed = logs[i].topics[0] == IRouter.ApplicationFailed.selector;
            if (failed) return bytes4(abi.decode(logs[i].data, (bytes32)));
        }
        revert False("no application failed");
    }

    function _recvBatch(Side storage to, Packet[] memory packets) internal returns (Batch memory batch) {
        batch = _groups(packets, 0);
        AttestationClient.Pair[] memory pairs = new AttestationClient.Pair[](packets.length);
        for (uint256 i = 0; i < packets.length; ++i) {
            Packet memory p = packets[i];
            pairs[i].path = Ics24.pathHash(p.sourceClient, Ics24.COMMITMENT, p.sequence);
            pairs[i].commitment = Ics24.packetCommitment(p);
        }
        _complete(to, batch, pairs, uint64(block.timestamp));
    }

    function _ack(Side storage to, Packet[] memory packets, bytes[] memory acks) internal {
        vm.chainId(to.chainId);
        (Batch memory batch, bytes memory index) = _ackBatch(to, packets, acks);
        to.router.ackPackets(batch, acks, index);
    }

    /// @param acks One for each packet.
    function _ackBatch(Side storage to, Packet[] memory packets, bytes[] memory acks)
        internal
        returns (Batch memory batch, bytes memory index)
    {
        batch = _groups(packets, 0);
        index = new bytes(packets.length);
        AttestationClient.Pair[] memory pairs = new AttestationClient.Pair[](packets.length);
        for (uint256 i = 0; i < packets.length; ++i) {
            bytes[] memory one = new bytes[](1);
            one[0] = acks[i];
            index[i] = bytes1(uint8(i));
            pairs[i].path = Ics24.pathHash(packets[i].destClient, Ics24.ACKNOWLEDGEMENT, packets[i].sequence);
            pairs[i].commitment = Ics24.ackCommitment(one);
        }
        _complete(to, batch, pairs, uint64(block.timestamp));
    }

    function _timeout(Side storage to, Packet[] memory packets) internal {
        vm.chainId(to.chainId);
        to.router.timeoutPackets(_timeoutBatch(to, packets, uint64(block.timestamp)));
    }

    function _timeoutBatch(Side storage to, Packet[] memory packets, uint64 provenTime)
        internal
        returns (Batch memory batch)
    {
        batch = _groups(packets, 0);
        AttestationClient.Pair[] memory pairs = new AttestationClient.Pair[](packets.length);
        for (uint256 i = 0; i < packets.length; ++i) {
            pairs[i].path = Ics24.pathHash(packets[i].destClient, Ics24.RECEIPT, packets[i].sequence);
        }
        _complete(to, batch, pairs, provenTime);
    }

    /// Consecutive packets of one route become a group whose values share the first `prefix` bytes.
    function _groups(Packet[] memory packets, uint256 prefix) internal pure returns (Batch memory batch) {
        Group[] memory groups = new Group[](packets.length);
        uint256 count = 0;
        uint256 first = 0;
        while (first < packets.length) {
            uint256 end = first + 1;
            while (end < packets.length && _sameRoute(packets[first].payloads[0], packets[end].payloads[0])) ++end;
            groups[count++] = _group(packets, first, end, prefix);
            first = end;
        }
        assembly {
            mstore(groups, count)
        }
        batch.groups = groups;
    }

    function _group(Packet[] memory packets, uint256 first, uint256 end, uint256 prefix)
        private
        pure
        returns (Group memory group)
    {
        Payload memory payload = packets[first].payloads[0];
        group.route = Route(payload.sourcePort, payload.destPort, payload.version, payload.encoding);
        group.prefix = _slice(payload.value, 0, prefix);
        group.heads = new bytes32[](end - first);
        for (uint256 i = first; i < end; ++i) {
            bytes memory value = packets[i].payloads[0].value;
            group.heads[i - first] =
                _head(packets[i].sequence, packets[i].timeoutTimestamp, uint32(value.length - prefix));
            group.tails = bytes.concat(group.tails, _slice(value, prefix, value.length));
        }
    }

    function _head(uint64 sequence, uint64 timeout, uint32 length) internal pure returns (bytes32) {
        return bytes32(abi.encodePacked(sequence, timeout, length, bytes12(0)));
    }

    function _complete(Side storage to, Batch memory batch, AttestationClient.Pair[] memory pairs, uint64 time) internal {
        batch.client = to.clientId;
        batch.proofHeight = ++height;
        batch.update = _update(to, height, time);
        batch.proof = _signatures(to.firstKey, THRESHOLD, _packetDigest(height, pairs));
    }

    // The attestors.

    function _packetDigest(uint64 at_, AttestationClient.Pair[] memory pairs) internal pure returns (bytes32) {
        return _digest(2, abi.encode(AttestationClient.PacketAttestation(at_, pairs)));
    }

    function _digest(uint8 tag, bytes memory data) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(tag, sha256(data)));
    }

    function _update(Side storage to, uint64 at_, uint64 time) internal view returns (bytes memory) {
        bytes memory data = abi.encode(at_, time);
        bytes[] memory signatures = new bytes[](THRESHOLD);
        for (uint256 i = 0; i < THRESHOLD; ++i) {
            signatures[i] = _signature(to.firstKey + i, _digest(1, data));
        }
        return abi.encode(AttestationClient.AttestationProof(data, signatures));
    }

    function _signatures(uint256 firstKey, uint256 count, bytes32 digest) internal pure returns (bytes memory joined) {
        for (uint256 i = 0; i < count; ++i) {
            joined = bytes.concat(joined, _signature(firstKey + i, digest));
        }
    }

    function _signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    // Small things.

    function _one(Packet memory packet) internal pure returns (Packet[] memory packets) {
        packets = new Packet[](1);
        packets[0] = packet;
    }

    function _acks(bytes memory ack, uint256 count) internal pure returns (bytes[] memory acks) {
        acks = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            acks[i] = ack;
        }
    }

    function _errorAck() internal pure returns (bytes memory) {
        return abi.encodePacked(sha256("UNIVERSAL_ERROR_ACKNOWLEDGEMENT"));
    }

    function _commitment(Side storage s, uint64 sequence) internal view returns (bytes32) {
        uint64[] memory sequences = new uint64[](1);
        sequences[0] = sequence;
        return s.router.commitments(s.clientId, sequences)[0];
    }

    function _received(Side storage s, uint64 sequence) internal view returns (bool) {
        uint64[] memory sequences = new uint64[](1);
        sequences[0] = sequence;
        return s.router.received(s.clientId, sequences)[0];
    }

    function _evm(Side storage s, address account) internal view returns (bytes memory) {
        return InteroperableAddress.formatEvmV1(s.chainId, account);
    }

    function _sameRoute(Payload memory x, Payload memory y) private pure returns (bool) {
        return keccak256(abi.encode(x.sourcePort, x.destPort, x.version, x.encoding))
            == keccak256(abi.encode(y.sourcePort, y.destPort, y.version, y.encoding));
    }

    function _slice(bytes memory data, uint256 start, uint256 end) internal pure returns (bytes memory part) {
        part = new bytes(end - start);
        for (uint256 i = start; i < end; ++i) {
            part[i - start] = data[i];
        }
    }
}
