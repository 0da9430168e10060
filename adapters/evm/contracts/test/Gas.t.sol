// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {AttestationClient} from "../src/AttestationClient.sol";
import {Ics24} from "../src/Ics24.sol";
import {Batch, Packet, Payload} from "../src/IRouter.sol";
import {World} from "./World.sol";

/// Takes a message and emits one event.
contract EmptyRecipient is IERC7786Recipient {
    event Arrived();

    function receiveMessage(bytes32, bytes calldata, bytes calldata) external payable returns (bytes4) {
        emit Arrived();
        return IERC7786Recipient.receiveMessage.selector;
    }
}

/// Gas of one whole transaction `recvPackets`, for each message: 21,000, calldata and execution from cold, with the ERC-7786 gateway and an
/// empty recipient. "now": calldata at 4 and 16 gas a byte; "floor": at least 10 and 40 a byte, EIP-7623.
/// "update" adds the state attestation in the same transaction.
contract GasTest is World {
    uint256 private constant PREFIX = 59;
    EmptyRecipient private recipient;

    struct Quorum {
        uint256 m;
        uint256 n;
    }

    function setUp() public override {
        super.setUp();
        recipient = new EmptyRecipient();
        vm.chainId(b.chainId);
        _quorum(Quorum(1, 1));
        _quorum(Quorum(3, 5));
        _quorum(Quorum(7, 10));
        _quorum(Quorum(13, 16));
    }

    function test_gas_of_receiving_1_of_1() public {
        _sweep(Quorum(1, 1));
    }

    function test_gas_of_receiving_3_of_5() public {
        _sweep(Quorum(3, 5));
    }

    function test_gas_of_receiving_7_of_10() public {
        _sweep(Quorum(7, 10));
        _record(Quorum(7, 10), 100, 0, false);
        _record(Quorum(7, 10), 100, 1000, false);
        _record(Quorum(7, 10), 100, 200, true);
    }

    function test_gas_of_receiving_13_of_16() public {
        _sweep(Quorum(13, 16));
    }

    function test_a_message_of_200_bytes_costs_at_most_10000_gas() public {
        (uint256 gasNow, uint256 gasFloor) = _measure(Quorum(7, 10), 100, 200, false);
        assertTrue(gasNow <= 10_000, "at today's calldata price");
        assertTrue(gasFloor <= 10_000, "with the calldata floor");
    }

    function _sweep(Quorum memory q) private {
        uint256[5] memory counts = [uint256(1), 10, 50, 100, 256];
        for (uint256 i = 0; i < counts.length; ++i) {
            _record(q, counts[i], 200, false);
        }
    }

    function _record(Quorum memory q, uint256 k, uint256 size, bool update) private {
        (uint256 gasNow, uint256 gasFloor) = _measure(q, k, size, update);
        string memory name = string.concat(
            vm.toString(q.m), "-of-", vm.toString(q.n), " k=", vm.toString(k), " ", vm.toString(size), "B"
        );
        if (update) name = string.concat(name, " update");
        vm.snapshotValue("Receive", string.concat(name, " now"), gasNow);
        vm.snapshotValue("Receive", string.concat(name, " floor"), gasFloor);
    }

    function _measure(Quorum memory q, uint256 k, uint256 size, bool update)
        private
        returns (uint256 gasNow, uint256 gasFloor)
    {
        bytes memory data = abi.encodeCall(b.router.recvPackets, (_batchOf(q, k, size, update)));
        (uint256 cost, uint256 floor) = _calldataGas(data);
        address[6] memory warm = [
            address(b.router),
            address(uint160(uint256(vm.load(address(b.router), ERC1967_IMPLEMENTATION)))),
            b.router.clientInfo(_id(q)).lightClient,
            address(b.gateway),
            address(recipient),
            address(b.manager)
        ];
        for (uint256 i = 0; i < warm.length; ++i) {
            vm.cool(warm[i]);
        }
        address target = address(b.router);
        uint256 before = gasleft();
        (bool success,) = target.call(data);
        uint256 used = before - gasleft();
        assertTrue(success, "delivered");
        assertEq(b.router.clientInfo(_id(q)).lastAckBatch != 0 ? 1 : 0, 1, "acknowledged");
        gasNow = (21_000 + cost + used) / k;
        gasFloor = floor + 21_000 > 21_000 + cost + used ? (floor + 21_000) / k : gasNow;
    }

    bytes32 private constant ERC1967_IMPLEMENTATION = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);

    function _calldataGas(bytes memory data) private pure returns (uint256 cost, uint256 floor) {
        for (uint256 i = 0; i < data.length; ++i) {
            cost += data[i] == 0 ? 4 : 16;
        }
        floor = cost * 10 / 4;
    }

    function _id(Quorum memory q) private pure returns (string memory) {
        return string.concat("attested-", vm.toString(q.m));
    }

    function _quorum(Quorum memory q) private {
        AttestationClient client =
            new AttestationClient(_attestors(0xC000, q.n), uint8(q.m), height, uint64(block.timestamp), 0);
        b.router.addClient(_id(q), _counterparty("counterparty-1"), address(client));
        b.gateway.linkChain(hex"000100000203e900", _id(q));
    }

    function _batchOf(Quorum memory q, uint256 k, uint256 size, bool update) private returns (Batch memory batch) {
        bytes memory random = _random(k * size);
        Packet[] memory packets = new Packet[](k);
        AttestationClient.Pair[] memory pairs = new AttestationClient.Pair[](k);
        for (uint256 i = 0; i < k; ++i) {
            packets[i] = _packet(q, uint64(++sent), _slice(random, i * size, (i + 1) * size));
            pairs[i].path = Ics24.pathHash("counterparty-1", Ics24.COMMITMENT, packets[i].sequence);
            pairs[i].commitment = Ics24.packetCommitment(packets[i]);
        }
        batch = _groups(packets, PREFIX);
        batch.client = _id(q);
        batch.proofHeight = update ? height + 1 : height;
        if (update) batch.update = _updateBy(q, height + 1);
        batch.proof = _signatures(0xC000, q.m, _packetDigest(batch.proofHeight, pairs));
    }

    uint256 private sent;

    function _packet(Quorum memory q, uint64 sequence, bytes memory payload) private view returns (Packet memory packet) {
        bytes memory value = abi.encodePacked(
            bytes1(0x01), uint64(200_000), uint64(0), uint8(20), address(a.app), uint8(20), address(recipient), payload
        );
        Payload[] memory payloads = new Payload[](1);
        payloads[0] = Payload("erc7786", "erc7786", "1", "application/x-isthmus-erc7786", value);
        return Packet(sequence, "counterparty-1", _id(q), uint64(block.timestamp) + 3600, payloads);
    }

    function _updateBy(Quorum memory q, uint64 at_) private view returns (bytes memory) {
        bytes memory data = abi.encode(at_, uint64(block.timestamp));
        bytes[] memory signatures = new bytes[](q.m);
        for (uint256 i = 0; i < q.m; ++i) {
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
