// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {AttestationClient} from "../src/AttestationClient.sol";
import {Ics24} from "../src/Ics24.sol";
import {StoredMessage} from "../src/IErc7786Gateway.sol";
import {IIbcApp, PacketCall} from "../src/IIbcApp.sol";
import {FungibleTokenPacketData, SendTransferMsg} from "../src/IIcs20Transfer.sol";
import {Batch, Packet, Payload, SendRequest} from "../src/IRouter.sol";
import {Router} from "../src/Router.sol";
import {TestToken} from "../src/TestToken.sol";
import {World} from "./World.sol";

contract Fussy is IERC7786Recipient {
    bool public accepts;
    uint256 public calls;

    function set(bool yes) external {
        accepts = yes;
    }

    function receiveMessage(bytes32, bytes calldata, bytes calldata) external payable returns (bytes4) {
        require(accepts);
        calls += 1;
        return IERC7786Recipient.receiveMessage.selector;
    }
}

/// A token whose refunds cost all the gas there is.
contract Tarpit is ERC20 {
    address private immutable bridge;

    constructor(address bridge_) ERC20("T", "T") {
        bridge = bridge_;
        _mint(msg.sender, 1000);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from == bridge) while (true) {}
        super._update(from, to, amount);
    }
}

/// Sends tokens twice: its hook runs in the middle of `transferFrom`.
contract Hooked is ERC20 {
    address public hook;

    constructor() ERC20("H", "H") {
        _mint(msg.sender, 1_000_000);
    }

    function set(address hook_) external {
        hook = hook_;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (hook != address(0)) IHook(hook).onSend();
        return super.transferFrom(from, to, amount);
    }
}

interface IHook {
    function onSend() external;
}

contract EchoApp is IIbcApp {
    Router private immutable router;

    constructor(Router router_) {
        router = router_;
    }

    function send(string calldata client, bytes calldata value) external {
        router.sendPacket(
            SendRequest(client, uint64(block.timestamp + 1000), Payload("echo", "echo", "1", "x", value))
        );
    }

    /// Returns what the packet says.
    function onRecvPacket(PacketCall calldata packet) external pure returns (bytes memory) {
        return packet.value;
    }

    function onAcknowledgementPacket(PacketCall calldata) external {}

    function onTimeoutPacket(PacketCall calldata) external {}
}

/// What an adversary tried, and what came of it.
contract AuditTest is World {
    bytes[] internal none;
    EchoApp internal echoA;
    EchoApp internal echoB;
    Batch internal nested;

    function setUp() public override {
        super.setUp();
        vm.chainId(a.chainId);
        echoA = new EchoApp(a.router);
        echoB = new EchoApp(b.router);
        a.router.registerApp("echo", address(echoA), 100_000);
        b.router.registerApp("echo", address(echoB), 100_000);
    }

    function test_pause_stops_retries() public {
        Fussy recipient = new Fussy();
        vm.recordLogs();
        a.app.send(_evm(b, address(recipient)), "p", none);
        _recv(b, _sent(a));
        b.router.pause();
        recipient.set(true);
        bytes32 id = keccak256(abi.encodePacked(keccak256("lane-7"), uint64(1)));
        StoredMessage memory message = StoredMessage(_evm(a, address(a.app)), address(recipient), "p", 200_000, 0);
        (bool ok,) = address(b.gateway).call(abi.encodeCall(b.gateway.retry, (id, message)));
        assertTrue(!ok, "a paused router let a message through");
    }

    function _echoes(uint256 count, uint256 size) internal returns (Packet[] memory) {
        vm.chainId(a.chainId);
        vm.recordLogs();
        for (uint256 i = 0; i < count; ++i) {
            bytes memory value = new bytes(size);
            value[0] = bytes1(uint8(i + 1));
            value[size - 1] = 0x01;
            echoA.send("lane-0", value);
        }
        return _sent(a);
    }

    function _ackGas(bool alternate) internal returns (uint256 used) {
        Packet[] memory packets = _echoes(100, 1024);
        bytes[] memory acks = new bytes[](2);
        acks[0] = hex"01";
        acks[1] = hex"02";
        Batch memory batch = _groups(packets, 0);
        bytes memory index = new bytes(packets.length);
        AttestationClient.Pair[] memory pairs = new AttestationClient.Pair[](packets.length);
        for (uint256 i = 0; i < packets.length; ++i) {
            uint256 which = alternate ? i % 2 : 0;
            index[i] = bytes1(uint8(which));
            bytes[] memory one = new bytes[](1);
            one[0] = acks[which];
            pairs[i].path = Ics24.pathHash(packets[i].destClient, Ics24.ACKNOWLEDGEMENT, packets[i].sequence);
            pairs[i].commitment = Ics24.ackCommitment(one);
        }
        _complete(a, batch, pairs, uint64(block.timestamp));
        used = gasleft();
        a.router.ackPackets(batch, acks, index);
        used -= gasleft();
        assertEq(_commitment(a, packets[99].sequence), 0, "settled");
    }

    function test_acks_that_alternate_cost_little_more_than_equal_ones() public {
        uint256 equal = _ackGas(false);
        uint256 mixed = _ackGas(true);
        assertTrue(mixed < 3 * equal, "alternating acknowledgements");
    }

    function test_many_short_groups_cost_in_proportion() public {
        uint256 few = _mixedGas(32);
        uint256 many = _mixedGas(256);
        assertTrue(many < 10 * few, "eight times the groups");
    }

    function _mixedGas(uint256 count) internal returns (uint256 used) {
        vm.chainId(a.chainId);
        vm.recordLogs();
        for (uint256 i = 0; i < count; ++i) {
            if (i % 2 == 0) echoA.send("lane-0", hex"01");
            else a.app.send(_evm(b, address(b.app)), "p", none);
        }
        Batch memory batch = _recvBatch(b, _sent(a));
        vm.chainId(b.chainId);
        used = gasleft();
        b.router.recvPackets(batch);
        used -= gasleft();
    }

    function test_a_refund_that_fails_leaves_its_packet_open_and_settles_the_others() public {
        Tarpit token = new Tarpit(address(a.transfer));
        token.approve(address(a.transfer), 10);
        vm.recordLogs();
        a.transfer.sendTransfer(
            SendTransferMsg(address(token), 1, "nobody", "lane-0", uint64(block.timestamp + 1000), "")
        );
        a.app.send(_evm(b, address(b.app)), "p", none);
        Packet[] memory packets = _sent(a);
        _ack(a, packets, _acks(_errorAck(), 2));
        assertTrue(_commitment(a, 1) != 0, "still open");
        assertEq(_commitment(a, 2), 0, "settled");
    }

    function onSend() external {
        b.router.recvPackets(nested);
    }

    function test_a_packet_twice_in_one_batch_has_one_effect() public {
        vm.recordLogs();
        a.app.send(_evm(b, address(b.app)), "p", none);
        Packet memory packet = _sent(a)[0];
        Packet[] memory twice = new Packet[](2);
        twice[0] = packet;
        twice[1] = packet;
        _recv(b, twice);
        assertEq(b.app.arrived(), 1, "arrived");
        _ack(a, twice, _acks(hex"01", 2));
        assertEq(_commitment(a, 1), 0, "settled");
    }

    function test_a_packet_that_came_too_late_can_still_be_timed_out_and_only_once() public {
        Packet[] memory packets = _echoes(1, 32);
        vm.warp(packets[0].timeoutTimestamp);
        _recv(b, packets);
        assertTrue(!_received(b, 1), "no receipt");
        _timeout(a, packets);
        assertEq(_commitment(a, 1), 0, "settled");
        _recv(b, packets);
        assertTrue(!_received(b, 1), "no receipt later");
        _ack(a, packets, _acks(hex"01", 1));
    }

    function test_a_hook_in_a_deposit_cannot_count_a_withdrawal_twice() public {
        Hooked token = new Hooked();
        vm.chainId(b.chainId);
        token.approve(address(b.transfer), type(uint256).max);
        // Someone's deposit, and 100 of ours that we bring back.
        vm.recordLogs();
        b.transfer.sendTransfer(
            SendTransferMsg(address(token), 1000, "0x000000000000000000000000000000000000bEEF", "lane-7", uint64(block.timestamp + 1000), "")
        );
        Packet memory back;
        back.sequence = 1;
        back.sourceClient = "lane-0";
        back.destClient = "lane-7";
        back.timeoutTimestamp = uint64(block.timestamp + 1000);
        back.payloads = new Payload[](1);
        back.payloads[0] = Payload(
            "transfer", "transfer", "ics20-1", "application/x-solidity-abi",
            abi.encode(FungibleTokenPacketData(string.concat("transfer/lane-0/", _hex(address(token))), "x", _hex(address(this)), 100, ""))
        );
        nested = _recvBatch(b, _one(back));
        token.set(address(this));
        (bool ok,) = address(b.transfer).call(
            abi.encodeCall(
                b.transfer.sendTransfer,
                (SendTransferMsg(address(token), 50, "0x000000000000000000000000000000000000bEEF", "lane-7", uint64(block.timestamp + 1000), ""))
            )
        );
        assertTrue(!ok, "measured");
        assertEq(b.transfer.escrowed("lane-7", address(token)), token.balanceOf(address(b.transfer)), "conserved");
    }

    function _hex(address who) private pure returns (string memory) {
        bytes memory digits = "0123456789abcdef";
        bytes memory text = new bytes(42);
        text[0] = "0";
        text[1] = "x";
        for (uint256 i = 0; i < 20; ++i) {
            text[2 + 2 * i] = digits[uint8(bytes20(who)[i]) >> 4];
            text[3 + 2 * i] = digits[uint8(bytes20(who)[i]) & 15];
        }
        return string(text);
    }
}
