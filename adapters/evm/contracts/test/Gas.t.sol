// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {AttestationClient} from "../src/AttestationClient.sol";
import {IIbcApp, PacketCall} from "../src/IIbcApp.sol";
import {Ics24} from "../src/Ics24.sol";
import {Batch, Packet, Payload} from "../src/IRouter.sol";
import {World} from "./World.sol";

/// The least that an IBC application can be: one event for each packet.
contract EmptyApp is IIbcApp {
    event Arrived();

    function onRecvPacket(PacketCall calldata) external returns (bytes memory) {
        emit Arrived();
        return hex"01";
    }

    function onAcknowledgementPacket(PacketCall calldata) external {}

    function onTimeoutPacket(PacketCall calldata) external {}
}

/// Takes a message and emits one event.
contract EmptyRecipient is IERC7786Recipient {
    event Arrived();

    function receiveMessage(bytes32, bytes calldata, bytes calldata) external payable returns (bytes4) {
        emit Arrived();
        return IERC7786Recipient.receiveMessage.selector;
    }
}

/// Gas of one whole transaction `recvPackets`, for each message: 21,000, calldata and execution from cold.
/// "app" is the router with an empty application, "erc7786" the gateway with an empty recipient; both emit one event a message.
/// "now": calldata at 4 and 16 gas a byte; "floor": at least 10 and 40 a byte, EIP-7623. "update" brings the state attestation
/// along. The lane has had a batch before; the batch begins a new word of receipts.
contract GasTest is World {
    struct Case {
        uint256 m;
        uint256 n;
        uint256 k;
        uint256 size;
        bool erc7786;
        bool update;
    }

    uint256 private constant HEAD = 59;
    bytes32 private constant ERC1967_IMPLEMENTATION = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);
    EmptyApp private app;
    EmptyRecipient private recipient;
    uint64 private sent;

    function setUp() public override {
        super.setUp();
        app = new EmptyApp();
        recipient = new EmptyRecipient();
        vm.chainId(b.chainId);
        b.router.registerApp("empty", address(app), 100_000);
        _quorum(1, 1);
        _quorum(3, 5);
        _quorum(7, 10);
        _quorum(13, 16);
    }

    function test_gas_of_receiving_1_of_1() public {
        _sweep(1, 1);
    }

    function test_gas_of_receiving_3_of_5() public {
        _sweep(3, 5);
    }

    function test_gas_of_receiving_7_of_10() public {
        _sweep(7, 10);
    }

    function test_gas_of_receiving_7_of_10_other_sizes() public {
        _record(Case(7, 10, 100, 0, true, false));
        _record(Case(7, 10, 100, 1000, true, false));
        _record(Case(7, 10, 100, 200, true, true));
        _record(Case(7, 10, 100, 200, false, true));
    }

    function test_gas_of_receiving_13_of_16() public {
        _sweep(13, 16);
    }

    function test_the_router_takes_at_most_10000_gas_for_a_message_of_200_bytes() public {
        (uint256 gasNow, uint256 gasFloor) = _measure(Case(7, 10, 100, 200, false, false));
        assertTrue(gasNow <= 10_000, "at today's calldata price");
        assertTrue(gasFloor <= 10_000, "with the calldata floor");
    }

    function _sweep(uint256 m, uint256 n) private {
        uint256[5] memory counts = [uint256(1), 10, 50, 100, 256];
        for (uint256 i = 0; i < counts.length; ++i) {
            _record(Case(m, n, counts[i], 200, false, false));
            _record(Case(m, n, counts[i], 200, true, false));
        }
    }

    function _record(Case memory c) private {
        (uint256 gasNow, uint256 gasFloor) = _measure(c);
        string memory name = string.concat(
            c.erc7786 ? "erc7786 " : "app ", vm.toString(c.m), "-of-", vm.toString(c.n), " k=", vm.toString(c.k), " "
        );
        name = string.concat(name, vm.toString(c.size), "B", c.update ? " update" : "");
        vm.snapshotValue("Receive", string.concat(name, " now"), gasNow);
        vm.snapshotValue("Receive", string.concat(name, " floor"), gasFloor);
    }

    function _measure(Case memory c) private returns (uint256 gasNow, uint256 gasFloor) {
        b.router.recvPackets(_batchOf(Case(c.m, c.n, 1, c.size, c.erc7786, false)));
        sent = (sent / 256 + 1) * 256 - 1; // the next sequence is the first of a word
        bytes memory data = abi.encodeCall(b.router.recvPackets, (_batchOf(c)));
        (uint256 cost, uint256 floor) = _calldataGas(data);
        _cool(c);
        address target = address(b.router);
        uint256 before = gasleft();
        (bool success,) = target.call(data);
        uint256 used = before - gasleft();
        assertTrue(success, "delivered");
        assertTrue(_receivedAll(c), "received");
        gasNow = (21_000 + cost + used) / c.k;
        gasFloor = floor > cost + used ? (21_000 + floor) / c.k : gasNow;
    }

    function _receivedAll(Case memory c) private view returns (bool all) {
        uint64[] memory sequences = new uint64[](c.k);
        for (uint256 i = 0; i < c.k; ++i) {
            sequences[i] = sent - uint64(i);
        }
        bool[] memory received = b.router.received(_id(c.m), sequences);
        all = true;
        for (uint256 i = 0; i < c.k; ++i) {
            all = all && received[i];
        }
    }

    function _cool(Case memory c) private {
        vm.cool(address(b.router));
        vm.cool(address(uint160(uint256(vm.load(address(b.router), ERC1967_IMPLEMENTATION)))));
        vm.cool(b.router.clientInfo(_id(c.m)).lightClient);
        vm.cool(address(b.gateway));
        vm.cool(address(app));
        vm.cool(address(recipient));
    }

    function _calldataGas(bytes memory data) private pure returns (uint256 cost, uint256 floor) {
        for (uint256 i = 0; i < data.length; ++i) {
            cost += data[i] == 0 ? 4 : 16;
        }
        floor = cost * 10 / 4;
    }

    function _id(uint256 m) private pure returns (string memory) {
        return string.concat("attested-", vm.toString(m));
    }

    function _quorum(uint256 m, uint256 n) private {
        AttestationClient client =
            new AttestationClient(_attestors(0xC000, n), uint8(m), height, uint64(block.timestamp), 0);
        b.router.addClient(_id(m), _counterparty("counterparty-1"), address(client));
        b.gateway.linkChain(hex"000100000203e900", _id(m));
    }

    function _batchOf(Case memory c) private returns (Batch memory batch) {
        bytes memory random = _random(c.k * c.size);
        Packet[] memory packets = new Packet[](c.k);
        AttestationClient.Pair[] memory pairs = new AttestationClient.Pair[](c.k);
        for (uint256 i = 0; i < c.k; ++i) {
            packets[i] = _packet(c, ++sent, _slice(random, i * c.size, (i + 1) * c.size));
            pairs[i].path = Ics24.pathHash("counterparty-1", Ics24.COMMITMENT, packets[i].sequence);
            pairs[i].commitment = Ics24.packetCommitment(packets[i]);
        }
        batch = _groups(packets, c.erc7786 ? HEAD : 0);
        batch.client = _id(c.m);
        if (c.update) batch.update = _updateBy(c.m, ++height);
        batch.proofHeight = c.update ? height : 100;
        batch.proof = _signatures(0xC000, c.m, _packetDigest(batch.proofHeight, pairs));
    }

    function _packet(Case memory c, uint64 sequence, bytes memory payload) private view returns (Packet memory packet) {
        bytes memory value = payload;
        Payload[] memory payloads = new Payload[](1);
        payloads[0] = Payload("plain", "empty", "1", "application/octet-stream", value);
        if (c.erc7786) {
            value = abi.encodePacked(bytes1(0x01), uint64(200_000), uint64(0), uint8(20), address(a.app), uint8(20));
            value = abi.encodePacked(value, address(recipient), payload);
            payloads[0] = Payload("erc7786", "erc7786", "1", "application/x-isthmus-erc7786", value);
        }
        return Packet(sequence, "counterparty-1", _id(c.m), uint64(block.timestamp) + 3600, payloads);
    }

    function _updateBy(uint256 m, uint64 at_) private view returns (bytes memory) {
        bytes memory data = abi.encode(at_, uint64(block.timestamp));
        bytes[] memory signatures = new bytes[](m);
        for (uint256 i = 0; i < m; ++i) {
            signatures[i] = _signature(0xC000 + i, _digest(1, data));
        }
        return abi.encode(AttestationClient.AttestationProof(data, signatures));
    }

    function _random(uint256 length) private pure returns (bytes memory data) {
        data = new bytes(length + 32);
        for (uint256 i = 0; i < length; i += 32) {
            bytes32 word = keccak256(abi.encode(i));
            assembly {
                mstore(add(add(data, 0x20), i), word)
            }
        }
        assembly {
            mstore(data, length)
        }
    }
}
