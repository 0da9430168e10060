// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {AttestationClient} from "../src/AttestationClient.sol";
import {IIbcApp, PacketCall} from "../src/IIbcApp.sol";
import {Batch, Counterparty, Group, IRouter, Packet, Payload, SendRequest} from "../src/IRouter.sol";
import {Router} from "../src/Router.sol";
import {Vm} from "./Cheats.sol";
import {World} from "./World.sol";

/// An application that does as told, with its port's name in each packet.
contract Actor is IIbcApp {
    enum Mode {
        Accept,
        Revert,
        EmptyAck,
        ErrorAck,
        LongAck,
        Garbage,
        RevertBomb,
        BurnGas,
        Reenter
    }

    Router private immutable router;
    Mode public mode;
    bytes public ack = hex"01";
    bytes private attack;
    uint256 public receipts;
    uint256 public acks;
    uint256 public timeouts;
    PacketCall public last;

    constructor(Router router_) {
        router = router_;
    }

    function set(Mode mode_) external {
        mode = mode_;
    }

    function setAck(bytes calldata ack_) external {
        ack = ack_;
    }

    function setAttack(bytes calldata attack_) external {
        attack = attack_;
        mode = Mode.Reenter;
    }

    function send(string calldata client, uint64 timeout, bytes calldata value) external returns (uint64) {
        return router.sendPacket(SendRequest(client, timeout, Payload("actor", "actor", "v", "e", value)));
    }

    function onRecvPacket(PacketCall calldata packet) external returns (bytes memory) {
        receipts += 1;
        last = packet;
        _act();
        if (mode == Mode.EmptyAck) return "";
        if (mode == Mode.ErrorAck) return abi.encodePacked(sha256("UNIVERSAL_ERROR_ACKNOWLEDGEMENT"));
        if (mode == Mode.LongAck) return new bytes(257);
        return ack;
    }

    function onAcknowledgementPacket(PacketCall calldata packet) external {
        acks += 1;
        last = packet;
        _act();
    }

    function onTimeoutPacket(PacketCall calldata packet) external {
        timeouts += 1;
        last = packet;
        _act();
    }

    function _act() private {
        if (mode == Mode.Revert) revert("as told");
        if (mode == Mode.BurnGas) while (true) {}
        if (mode == Mode.Reenter) {
            (bool success, bytes memory answer) = address(router).call(attack);
            require(!success && bytes4(answer) == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        }
        if (mode == Mode.Garbage) {
            assembly {
                mstore(0, 0x40)
                mstore(0x20, 1)
                return(0, 0x60)
            }
        }
        if (mode == Mode.RevertBomb) {
            assembly {
                revert(0, 200000)
            }
        }
    }
}

contract RouterTest is World {
    Actor internal actorA;
    Actor internal actorB;
    uint64 internal timeout;

    function setUp() public override {
        super.setUp();
        actorA = new Actor(a.router);
        actorB = new Actor(b.router);
        a.router.registerApp("actor", address(actorA), 500_000);
        b.router.registerApp("actor", address(actorB), 500_000);
        timeout = uint64(block.timestamp + 1000);
    }

    function _send(uint256 count) internal returns (Packet[] memory) {
        vm.recordLogs();
        for (uint256 i = 0; i < count; ++i) {
            actorA.send("lane-0", timeout, abi.encode("value", i));
        }
        return _sent(a);
    }

    function _state(Side storage s, string memory id) internal view returns (uint64 sequence, uint64 batch) {
        return (s.router.clientInfo(id).lastSequenceSent, s.router.clientInfo(id).lastAckBatch);
    }

    function test_packets_go_there_and_back() public {
        Packet[] memory packets = _send(3);
        _recv(b, packets);
        assertEq(actorB.receipts(), 3, "receipts");
        (uint64 sequence, bytes32 clientKey,,, string memory source, string memory dest,, bytes memory value) =
            actorB.last();
        assertEq(sequence, 3, "sequence");
        assertEq(clientKey, keccak256("lane-7"), "client key");
        assertEq(bytes(source), "lane-0", "source");
        assertEq(bytes(dest), "lane-7", "destination");
        assertEq(value, abi.encode("value", 2), "value");
        _ack(a, packets, _acks(hex"01", 3));
        assertEq(actorA.acks(), 3, "acknowledgements");
        for (uint64 i = 1; i <= 3; ++i) {
            assertEq(_commitment(a, i), 0, "commitment");
        }
    }

    function test_packets_of_several_routes_share_one_proof() public {
        vm.chainId(a.chainId);
        vm.recordLogs();
        actorA.send("lane-0", timeout, "one");
        a.app.send(_evm(b, address(b.app)), "two", new bytes[](0));
        a.app.send(_evm(b, address(b.app)), "three", new bytes[](0));
        actorA.send("lane-0", timeout, "four");
        Packet[] memory packets = _sent(a);
        _recv(b, packets);
        assertEq(actorB.receipts(), 2, "actor");
        assertEq(b.app.arrived(), 2, "app");
        _ack(a, packets, _acks(hex"01", 4));
        assertEq(actorA.acks(), 2, "acknowledgements");
        assertEq(_commitment(a, 4), 0, "commitment");
    }

    /// covers CON-08
    function test_a_packet_has_one_effect() public {
        Packet[] memory packets = _send(2);
        _recv(b, packets);
        _recv(b, packets);
        _recv(b, _one(packets[1]));
        assertEq(actorB.receipts(), 2, "receipts");
        _ack(a, packets, _acks(hex"01", 2));
        _ack(a, packets, _acks(hex"01", 2));
        assertEq(actorA.acks(), 2, "acknowledgements");
        vm.warp(timeout);
        _timeout(a, packets);
        assertEq(actorA.timeouts(), 0, "timeouts");
        (, uint64 batches) = _state(b, "lane-7");
        assertEq(batches, 1, "acknowledgement batches");
    }

    function test_a_packet_twice_in_one_batch_has_one_effect() public {
        Packet[] memory packets = new Packet[](2);
        packets[0] = packets[1] = _send(1)[0];
        _recv(b, packets);
        assertEq(actorB.receipts(), 1, "receipts");
        _ack(a, packets, _acks(hex"01", 2));
        assertEq(actorA.acks(), 1, "acknowledgements");
    }

    function test_a_late_packet_is_skipped_and_the_others_arrive() public {
        Packet[] memory packets = _send(1);
        timeout += 1000;
        Packet[] memory all = new Packet[](2);
        all[0] = packets[0];
        all[1] = _send(1)[0];
        vm.warp(timeout - 1000);
        vm.recordLogs();
        _recv(b, all);
        assertEq(actorB.receipts(), 1, "receipts");
        assertTrue(!_received(b, 1) && _received(b, 2), "receipt bits");
        assertTrue(_logged(address(b.router), IRouter.PacketExpired.selector), "PacketExpired");
        _timeout(a, _one(all[0]));
        assertEq(actorA.timeouts(), 1, "timeouts");
    }

    function test_a_timeout_needs_a_proof_of_a_late_enough_time() public {
        Packet[] memory packets = _send(1);
        Batch memory batch = _timeoutBatch(a, packets, timeout - 1);
        vm.expectRevert(abi.encodeWithSelector(IRouter.TimeoutNotReached.selector, 1, timeout, timeout - 1));
        a.router.timeoutPackets(batch);
        a.router.timeoutPackets(_timeoutBatch(a, packets, timeout));
        assertEq(actorA.timeouts(), 1, "timeouts");
    }

    function test_a_failing_application_is_rolled_back_and_gets_the_error_acknowledgement() public {
        Actor.Mode[3] memory modes = [Actor.Mode.Revert, Actor.Mode.RevertBomb, Actor.Mode.BurnGas];
        for (uint256 i = 0; i < modes.length; ++i) {
            actorB.set(modes[i]);
            Packet[] memory packets = _send(1);
            vm.recordLogs();
            _recv(b, packets);
            assertTrue(_logged(address(b.router), IRouter.ApplicationFailed.selector), "ApplicationFailed");
            assertEq(actorB.receipts(), 0, "rolled back");
            _ack(a, packets, _acks(_errorAck(), 1));
        }
        assertEq(actorA.acks(), 3, "acknowledgements");
    }

    function test_an_unknown_port_gets_the_error_acknowledgement() public {
        Packet[] memory packets = _send(1);
        packets[0].payloads[0].destPort = "nobody";
        _recv(b, packets); // signed as sent: the attestors vouch for it
        (, uint64 batches) = _state(b, "lane-7");
        assertEq(batches, 1, "batches");
        assertTrue(_received(b, 1), "received");
    }

    function test_a_bad_acknowledgement_reverts_the_batch() public {
        Actor.Mode[4] memory modes =
            [Actor.Mode.EmptyAck, Actor.Mode.ErrorAck, Actor.Mode.LongAck, Actor.Mode.Garbage];
        Packet[] memory packets = _send(1);
        for (uint256 i = 0; i < modes.length; ++i) {
            actorB.set(modes[i]);
            Batch memory batch = _recvBatch(b, packets);
            vm.expectRevert(abi.encodeWithSelector(IRouter.BadAcknowledgement.selector, 1));
            b.router.recvPackets(batch);
        }
        assertTrue(!_received(b, 1), "received");
    }

    /// covers CON-12
    function test_too_little_gas_reverts_the_batch_and_never_fails_an_application() public {
        Packet[] memory packets = _send(2);
        uint256 refused = 0;
        for (uint256 gasLimit = 150_000; gasLimit < 1_500_000; gasLimit += 25_000) {
            Batch memory batch = _recvBatch(b, packets);
            try b.router.recvPackets{gas: gasLimit}(batch) {
                assertEq(actorB.receipts(), 2, "both succeeded");
                assertTrue(refused != 0, "refused before");
                return;
            } catch (bytes memory reason) {
                assertEq(actorB.receipts(), 0, "nothing happened");
                if (bytes4(reason) == IRouter.NotEnoughGas.selector) refused += 1;
            }
        }
        revert False("never enough gas");
    }

    function test_a_failing_acknowledgement_keeps_the_packet_open() public {
        Packet[] memory packets = _send(2);
        _recv(b, packets);
        actorA.set(Actor.Mode.Revert);
        _ack(a, packets, _acks(hex"01", 2));
        assertTrue(_commitment(a, 1) != 0, "still open");
        actorA.set(Actor.Mode.Accept);
        _ack(a, packets, _acks(hex"01", 2));
        assertEq(_commitment(a, 1), 0, "settled");
        assertEq(actorA.acks(), 2, "acknowledgements");
    }

    function test_a_failing_timeout_keeps_the_packet_open() public {
        Packet[] memory packets = _send(1);
        vm.warp(timeout);
        actorA.set(Actor.Mode.BurnGas);
        _timeout(a, packets);
        assertTrue(_commitment(a, 1) != 0, "still open");
        actorA.set(Actor.Mode.Accept);
        _timeout(a, packets);
        assertEq(actorA.timeouts(), 1, "timeouts");
    }

    /// covers CON-11
    function test_reentering_is_refused_everywhere() public {
        Packet[] memory packets = _send(1);
        Batch memory batch = _recvBatch(b, packets);
        actorB.setAttack(abi.encodeCall(b.router.recvPackets, (batch)));
        b.router.recvPackets(batch);
        assertEq(actorB.receipts(), 1, "receipts");
        vm.warp(timeout);
        batch = _timeoutBatch(a, packets, timeout);
        actorA.setAttack(abi.encodeCall(a.router.timeoutPackets, (batch)));
        a.router.timeoutPackets(batch);
        assertEq(actorA.timeouts(), 1, "timeouts");
    }

    function test_another_packet_than_the_one_sent_is_refused_on_settling() public {
        Packet[] memory packets = _send(1);
        packets[0].payloads[0].value = "other";
        (Batch memory batch, bytes memory index) = _ackBatch(a, packets, _acks(hex"01", 1));
        vm.expectPartialRevert(IRouter.CommitmentMismatch.selector);
        a.router.ackPackets(batch, _acks(hex"01", 1), index);
    }

    function test_any_changed_byte_of_a_batch_is_refused() public {
        Packet[] memory packets = _send(1);
        Batch memory batch = _recvBatch(b, packets);
        b.router.updateClient("lane-7", batch.update);
        batch.update = "";
        batch.groups[0].tails[0] ^= 0x01;
        vm.expectPartialRevert(AttestationClient.UnknownSigner.selector);
        b.router.recvPackets(batch);
        batch.groups[0].tails[0] ^= 0x01;
        batch.groups[0].route.encoding = "f";
        vm.expectPartialRevert(AttestationClient.UnknownSigner.selector);
        b.router.recvPackets(batch);
        batch.groups[0].route.encoding = "e";
        batch.groups[0].heads[0] = _head(1, timeout + 1, uint32(batch.groups[0].tails.length));
        vm.expectPartialRevert(AttestationClient.UnknownSigner.selector);
        b.router.recvPackets(batch);
        batch.groups[0].heads[0] = _head(2, timeout, uint32(batch.groups[0].tails.length));
        vm.expectPartialRevert(AttestationClient.UnknownSigner.selector);
        b.router.recvPackets(batch);
        batch.groups[0].heads[0] = _head(1, timeout, uint32(batch.groups[0].tails.length));
        b.router.recvPackets(batch);
        assertEq(actorB.receipts(), 1, "receipts");
    }

    /// covers CON-16
    function test_malformed_batches_are_refused() public {
        Packet[] memory packets = _send(1);
        Batch memory batch = _recvBatch(b, packets);
        bytes32 good = batch.groups[0].heads[0];
        bytes32[3] memory bad = [good | bytes32(uint256(1)), _head(0, timeout, 64), _head(1, timeout, 0)];
        for (uint256 i = 0; i < bad.length; ++i) {
            batch.groups[0].heads[0] = bad[i];
            vm.expectRevert(IRouter.MalformedBatch.selector);
            b.router.recvPackets(batch);
        }
        batch.groups[0].heads = new bytes32[](257);
        vm.expectRevert(abi.encodeWithSelector(IRouter.TooManyPackets.selector, 256, 257));
        b.router.recvPackets(batch);
        batch.groups = new Group[](0);
        vm.expectRevert(IRouter.MalformedBatch.selector);
        b.router.recvPackets(batch);
        (batch,) = _ackBatch(a, packets, _acks(hex"01", 1));
        vm.expectRevert(IRouter.MalformedBatch.selector);
        a.router.ackPackets(batch, _acks(hex"01", 1), hex"01");
        vm.expectRevert(IRouter.MalformedBatch.selector);
        a.router.ackPackets(batch, _acks(hex"01", 1), hex"0000");
    }

    /// covers CON-15
    function test_a_proof_for_one_purpose_or_lane_is_refused_for_another() public {
        Packet[] memory packets = _send(1);
        Batch memory absence = _timeoutBatch(a, packets, timeout);
        vm.expectPartialRevert(AttestationClient.UnknownSigner.selector);
        a.router.recvPackets(absence);
        AttestationClient sister =
            new AttestationClient(_attestors(0xD000, 3), 2, absence.proofHeight, uint64(block.timestamp), 0);
        b.router.migrateClient("lane-7", address(sister));
        Batch memory batch = _recvBatch(b, packets); // signed by the keys of the old client
        batch.update = "";
        batch.proofHeight = absence.proofHeight;
        vm.expectPartialRevert(AttestationClient.UnknownSigner.selector);
        b.router.recvPackets(batch);
    }

    function test_an_update_that_freezes_ends_the_call_and_stays() public {
        Packet[] memory packets = _send(1);
        _recv(b, packets);
        Packet[] memory more = _send(1);
        Batch memory batch = _recvBatch(b, more);
        batch.update = _update(b, height - 1, uint64(block.timestamp) + 1);
        b.router.recvPackets(batch);
        assertTrue(!_received(b, 2), "received");
        vm.expectRevert(AttestationClient.ClientFrozen.selector);
        b.router.recvPackets(batch);
    }

    function test_sending_checks_application_payload_client_and_timeout() public {
        SendRequest memory request =
            SendRequest("lane-0", timeout, Payload("actor", "actor", "v", "e", "value"));
        vm.expectPartialRevert(IRouter.NotTheApp.selector);
        a.router.sendPacket(request);
        vm.startPrank(address(actorA));
        request.payload.sourcePort = "nobody";
        vm.expectRevert(abi.encodeWithSelector(IRouter.AppNotFound.selector, "nobody"));
        a.router.sendPacket(request);
        request.payload.sourcePort = "actor";
        request.payload.version = "";
        vm.expectRevert(IRouter.InvalidPayload.selector);
        a.router.sendPacket(request);
        request.payload.version = "v";
        request.payload.value = new bytes(64 * 1024 + 1);
        vm.expectPartialRevert(IRouter.ValueTooLarge.selector);
        a.router.sendPacket(request);
        request.payload.value = "v";
        request.timeoutTimestamp = uint64(block.timestamp);
        vm.expectPartialRevert(IRouter.InvalidTimeout.selector);
        a.router.sendPacket(request);
        request.timeoutTimestamp = uint64(block.timestamp + 7 days + 1);
        vm.expectPartialRevert(IRouter.InvalidTimeout.selector);
        a.router.sendPacket(request);
        request.timeoutTimestamp = timeout;
        request.sourceClient = "lane-1";
        vm.expectRevert(abi.encodeWithSelector(IRouter.ClientNotFound.selector, "lane-1"));
        a.router.sendPacket(request);
        request.sourceClient = "lane-0";
        assertEq(a.router.sendPacket(request), 1, "first sequence");
        vm.stopPrank();
    }

    /// covers CON-02
    function test_clients_and_applications_are_checked_when_they_are_registered() public {
        Counterparty memory other = _counterparty("lane-7");
        string[4] memory names = ["", "a/b", "a b", "0123456789012345678901234567890123456789012345678901234567890123x"];
        for (uint256 i = 0; i < names.length; ++i) {
            vm.expectPartialRevert(IRouter.InvalidClientId.selector);
            a.router.addClient(names[i], other, address(a.client));
        }
        vm.expectPartialRevert(IRouter.InvalidClientId.selector);
        a.router.addClient("new", _counterparty(""), address(a.client));
        vm.expectPartialRevert(IRouter.ClientAlreadyExists.selector);
        a.router.addClient("lane-0", other, address(a.client));
        vm.expectPartialRevert(IRouter.InvalidLightClient.selector);
        a.router.addClient("new", other, address(0));
        other.merklePrefix[0] = "ibc";
        vm.expectRevert(IRouter.UnsupportedMerklePrefix.selector);
        a.router.addClient("new", other, address(a.client));
        vm.expectPartialRevert(IRouter.InvalidLightClient.selector);
        a.router.migrateClient("lane-0", address(1));
        vm.expectPartialRevert(IRouter.ClientNotFound.selector);
        a.router.migrateClient("new", address(a.client));
        vm.expectPartialRevert(IRouter.InvalidApp.selector);
        a.router.registerApp("p", address(1), 1);
        vm.expectPartialRevert(IRouter.InvalidApp.selector);
        a.router.registerApp("p", address(actorA), 0);
    }

    /// covers CON-01
    function test_nothing_can_be_initialized_twice_nor_behind_the_proxy() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        a.router.initialize(address(this));
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        a.transfer.initialize(address(this), a.router);
        Router implementation = new Router();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(address(this));
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(this)));
        implementation.pause();
    }

    /// covers CON-17
    function test_each_role_does_its_part_and_no_other() public {
        address pauser = address(0xAA);
        bytes4[] memory selectors = new bytes4[](2);
        (selectors[0], selectors[1]) = (IRouter.pause.selector, IRouter.unpause.selector);
        a.manager.setTargetFunctionRole(address(a.router), selectors, 2);
        a.manager.grantRole(2, pauser, 0);
        vm.startPrank(pauser);
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, pauser);
        vm.expectRevert(refusal);
        a.router.registerApp("actor", address(actorB), 1);
        vm.expectRevert(refusal);
        a.router.addClient("x", _counterparty("y"), address(a.client));
        vm.expectRevert(refusal);
        a.router.migrateClient("lane-0", address(a.client));
        vm.expectRevert(refusal);
        a.router.upgradeToAndCall(address(actorA), "");
        vm.expectRevert(refusal);
        a.transfer.upgradeToAndCall(address(actorA), "");
        vm.expectRevert(refusal);
        a.transfer.setRateLimit(address(1), 1, 1);
        vm.expectRevert(refusal);
        a.gateway.linkChain(hex"00010000010500", "lane-0");
        a.router.pause();
        vm.stopPrank();
        assertTrue(a.router.paused(), "paused");
    }

    function test_pausing_stops_everything_and_loses_nothing() public {
        Packet[] memory packets = _send(1);
        _recv(b, packets);
        b.router.pause();
        a.router.pause();
        Batch memory batch = _recvBatch(b, packets);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        b.router.recvPackets(batch);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        actorA.send("lane-0", timeout, "v");
        bytes memory index;
        (batch, index) = _ackBatch(a, packets, _acks(hex"01", 1));
        vm.expectRevert(Pausable.EnforcedPause.selector);
        a.router.ackPackets(batch, _acks(hex"01", 1), index);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        a.router.timeoutPackets(batch);
        a.router.unpause();
        a.router.ackPackets(batch, _acks(hex"01", 1), index);
        assertEq(actorA.acks(), 1, "acknowledgements");
    }

    function test_an_upgrade_keeps_the_state() public {
        _send(2);
        a.router.upgradeToAndCall(address(new Router()), "");
        (uint64 sequence,) = _state(a, "lane-0");
        assertEq(sequence, 2, "sequence");
    }

    function testFuzz_values_arrive_whatever_their_size_split_and_order(uint256 seed) public {
        uint256 count = bound(seed, 1, 12);
        vm.recordLogs();
        for (uint256 i = 0; i < count; ++i) {
            bytes memory value = new bytes(1 + uint256(keccak256(abi.encode(seed, i))) % 300);
            for (uint256 j = 0; j < value.length; ++j) {
                value[j] = bytes1(uint8(uint256(keccak256(abi.encode(seed, i, j / 32))) >> (j % 32)));
            }
            actorA.send("lane-0", timeout + uint64(i % 3), value);
        }
        Packet[] memory packets = _sent(a);
        for (uint256 i = count; i > 1; --i) {
            uint256 j = uint256(keccak256(abi.encode(seed, "order", i))) % i;
            (packets[i - 1], packets[j]) = (packets[j], packets[i - 1]);
        }
        _recv(b, packets);
        assertEq(actorB.receipts(), count, "receipts");
        (uint64 sequence,,,,,,, bytes memory value_) = actorB.last();
        assertEq(sequence, packets[count - 1].sequence, "last sequence");
        assertEq(value_, packets[count - 1].payloads[0].value, "last value");
        _ack(a, packets, _acks(hex"01", count));
        assertEq(actorA.acks(), count, "acknowledgements");
    }

    function _logged(address emitter, bytes32 topic) internal returns (bool found) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            found = found || (logs[i].emitter == emitter && logs[i].topics[0] == topic);
        }
    }
}
