// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Ics24} from "../src/Ics24.sol";
import {FungibleTokenPacketData} from "../src/IIcs20Transfer.sol";
import {IRouter, Packet, Payload} from "../src/IRouter.sol";
import {Vm} from "./Cheats.sol";
import {World} from "./World.sol";

/// What README.md says about slots and commitments, read from raw storage.
contract StorageTest is World {
    uint256 private constant B = 0xb6e2c41b80aea504a74fb8208dc83081576aaa6599c1f6dbd7fde9f2caf97200;

    function setUp() public override {
        super.setUp();
        vm.chainId(a.chainId);
    }

    function _messages(uint256 count) private returns (Packet[] memory) {
        vm.chainId(a.chainId);
        vm.recordLogs();
        a.app.sendMany(_evm(b, address(b.app)), new bytes[](count), new bytes[](0));
        return _sent(a);
    }

    function test_the_base_slot_follows_erc7201() public pure {
        bytes32 expected = keccak256(abi.encode(uint256(keccak256("isthmus.router")) - 1)) & ~bytes32(uint256(0xff));
        assertEq(bytes32(B), expected, "base");
    }

    function test_commitments_lie_where_the_readme_says() public {
        Packet[] memory packets = _messages(2);
        for (uint64 i = 1; i <= 2; ++i) {
            bytes32 path = keccak256(abi.encodePacked("lane-0", bytes1(0x01), i));
            bytes32 slot = keccak256(abi.encode(path, B));
            assertEq(vm.load(address(a.router), slot), a.router.packetCommitment(packets[i - 1]), "commitment");
        }
        _recv(b, packets);
        _ack(a, packets, _acks(hex"01", 2));
        bytes32 cleared = keccak256(abi.encode(keccak256(abi.encodePacked("lane-0", bytes1(0x01), uint64(1))), B));
        assertEq(vm.load(address(a.router), cleared), 0, "cleared");
    }

    function test_receipts_are_bits_of_words() public {
        Packet[] memory packets = _messages(260);
        Packet[] memory some = new Packet[](3);
        (some[0], some[1], some[2]) = (packets[0], packets[254], packets[255]); // sequences 1, 255 and 256
        _recv(b, some);
        bytes32 inner = keccak256(abi.encode(keccak256("lane-7"), B + 1));
        uint256 word0 = uint256(vm.load(address(b.router), keccak256(abi.encode(uint256(0), inner))));
        uint256 word1 = uint256(vm.load(address(b.router), keccak256(abi.encode(uint256(1), inner))));
        assertEq(word0, (1 << 1) | (1 << 255), "word 0");
        assertEq(word1, 1, "word 1");
        assertTrue(_received(b, 256) && !_received(b, 257) && !_received(b, 2), "view");
    }

    function test_an_acknowledgement_batch_is_one_hash_and_its_event_is_the_preimage() public {
        Packet[] memory packets = _messages(3);
        packets[1].payloads[0].destPort = "nobody"; // gets the error acknowledgement
        vm.recordLogs();
        _recv(b, packets);
        (uint64[] memory sequences, bytes memory index, bytes[] memory acks) = _written();
        assertEq(acks.length, 3, "runs of equal acknowledgements");
        bytes32[] memory commitments = new bytes32[](3);
        for (uint256 i = 0; i < 3; ++i) {
            bytes[] memory one = new bytes[](1);
            one[0] = acks[uint8(index[i])];
            commitments[i] = b.router.ackCommitment(one);
            assertEq(one[0], i == 1 ? _errorAck() : bytes(hex"01"), "acknowledgement");
        }
        bytes32 expected = keccak256(abi.encode(sequences, commitments));
        bytes32 inner = keccak256(abi.encode(keccak256("lane-7"), B + 2));
        assertEq(vm.load(address(b.router), keccak256(abi.encode(uint256(1), inner))), expected, "slot");
        assertEq(b.router.ackBatches("lane-7", 1, 1)[0], expected, "view");
    }

    function test_counters_share_a_word() public {
        _recv(b, _messages(5));
        _recv(b, _messages(2));
        bytes32 word = vm.load(address(a.router), keccak256(abi.encode(keccak256("lane-0"), B + 3)));
        assertEq(uint256(word), 7, "last sequence sent");
        word = vm.load(address(b.router), keccak256(abi.encode(keccak256("lane-7"), B + 3)));
        assertEq(uint256(word), uint256(2) << 64, "last acknowledgement batch");
    }

    /// Figures of ibc-go's own tests.
    function test_commitments_are_those_of_ibc_go() public view {
        Packet memory packet = Packet(1, "07-tendermint-0", "07-tendermint-1", 100, new Payload[](1));
        packet.payloads[0] = Payload(
            "transfer",
            "transfer",
            "ics20-1",
            "application/json",
            '{"denom":"uatom","amount":"1000000","sender":"sender","receiver":"receiver","memo":"memo"}'
        );
        bytes32 json = 0xa096722aa6534040a0efbdae05765132a7b223ad306d6512f3734821bd046505;
        assertEq(a.router.packetCommitment(packet), json, "application/json");
        packet.payloads[0].encoding = "application/x-solidity-abi";
        packet.payloads[0].value =
            abi.encode(FungibleTokenPacketData("uatom", "sender", "receiver", 1_000_000, "memo"));
        bytes32 abi_ = 0xd408dca5088b9b375edb3c4df6bae0e18084fc0dbd90fcd0d028506553c81b25;
        assertEq(a.router.packetCommitment(packet), abi_, "application/x-solidity-abi");
        bytes32 ack = 0xf03b4667413e56aaf086663267913e525c442b56fa1af4fa3f3dab9f37044c5b;
        assertEq(a.router.ackCommitment(_acks("some bytes", 1)), ack, "acknowledgement");
        bytes32 errorAck = 0xe2fb30dfbf7abdeaca82d426534d2b3a9d5444dd2a87fa16d38b77ba1a13ced7;
        assertEq(a.router.ackCommitment(_acks(abi.encodePacked(Ics24.ERROR_ACK), 1)), errorAck, "error");
        assertEq(Ics24.ERROR_ACK, sha256("UNIVERSAL_ERROR_ACKNOWLEDGEMENT"), "constant");
    }

    function _written() private returns (uint64[] memory, bytes memory, bytes[] memory) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IRouter.WriteAcknowledgements.selector) continue;
            assertEq(logs[i].topics[1], keccak256("lane-7"), "client");
            assertEq(uint256(logs[i].topics[2]), 1, "batch");
            return abi.decode(logs[i].data, (uint64[], bytes, bytes[]));
        }
        revert False("no WriteAcknowledgements");
    }
}
