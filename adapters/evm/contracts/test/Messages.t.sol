// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {BridgeERC20} from "@openzeppelin/contracts/crosschain/bridges/BridgeERC20.sol";
import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC7786GatewaySource, IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {IErc7786Gateway, StoredMessage} from "../src/IErc7786Gateway.sol";
import {PacketCall} from "../src/IIbcApp.sol";
import {Packet} from "../src/IRouter.sol";
import {TestToken} from "../src/TestToken.sol";
import {Vm} from "./Cheats.sol";
import {World} from "./World.sol";

/// OpenZeppelin's bridge as it is: both constructors called, nothing overridden.
contract StockBridge is BridgeERC20 {
    constructor(IERC20 token, CrosschainLinked.Link[] memory links) BridgeERC20(token) CrosschainLinked(links) {}

    function link(address gateway, bytes memory counterpart) external {
        _setLink(gateway, counterpart, false);
    }
}

/// Fails as told.
contract Recipient is IERC7786Recipient {
    enum Mode {
        Accept,
        Revert,
        WrongAnswer,
        BurnGas,
        ReturnBomb,
        RevertBomb
    }

    Mode public mode;
    uint256 public calls;
    uint256 public gasSeen;

    function set(Mode mode_) external {
        mode = mode_;
    }

    function receiveMessage(bytes32, bytes calldata, bytes calldata) external payable returns (bytes4) {
        gasSeen = gasleft();
        calls += 1;
        if (mode == Mode.Revert) revert("no");
        if (mode == Mode.WrongAnswer) return 0xdeadbeef;
        if (mode == Mode.BurnGas) while (true) {}
        if (mode == Mode.ReturnBomb) {
            assembly {
                return(0, 100000)
            }
        }
        if (mode == Mode.RevertBomb) {
            assembly {
                revert(0, 100000)
            }
        }
        return IERC7786Recipient.receiveMessage.selector;
    }
}

contract MessagesTest is World {
    bytes[] internal none;

    function setUp() public override {
        super.setUp();
        vm.chainId(a.chainId);
    }

    function _send(bytes memory payload, bytes[] memory attributes) internal returns (Packet[] memory) {
        return _sendTo(address(b.app), payload, attributes);
    }

    function _sendTo(address recipient, bytes memory payload, bytes[] memory attributes)
        internal
        returns (Packet[] memory)
    {
        vm.chainId(a.chainId);
        vm.recordLogs();
        a.app.send(_evm(b, recipient), payload, attributes);
        return _sent(a);
    }

    function test_a_message_arrives_once_and_is_acknowledged() public {
        Packet[] memory packets = _send("hello", none);
        _recv(b, packets);
        assertEq(b.app.arrived(), 1, "arrived");
        _recv(b, packets);
        assertEq(b.app.arrived(), 1, "arrived after a second delivery");
        _ack(a, packets, _acks(hex"01", 1));
        assertEq(_commitment(a, 1), 0, "commitment");
    }

    function test_an_openzeppelin_bridge_runs_unchanged() public {
        TestToken tokenA = new TestToken("A", "A");
        TestToken tokenB = new TestToken("B", "B");
        StockBridge bridgeA = new StockBridge(tokenA, new CrosschainLinked.Link[](0));
        StockBridge bridgeB = new StockBridge(tokenB, new CrosschainLinked.Link[](0));
        bridgeA.link(address(a.gateway), _evm(b, address(bridgeB)));
        bridgeB.link(address(b.gateway), _evm(a, address(bridgeA)));
        tokenA.mint(address(this), 100);
        tokenB.mint(address(bridgeB), 1000);
        tokenA.approve(address(bridgeA), 100);
        vm.recordLogs();
        bridgeA.crosschainTransfer(_evm(b, address(0xBEEF)), 40);
        _recv(b, _sent(a));
        assertEq(tokenA.balanceOf(address(bridgeA)), 40, "locked");
        assertEq(tokenB.balanceOf(address(0xBEEF)), 40, "unlocked");

        vm.prank(address(0xBEEF));
        tokenB.approve(address(bridgeB), 40);
        vm.recordLogs();
        vm.prank(address(0xBEEF));
        bridgeB.crosschainTransfer(_evm(a, address(this)), 15);
        _recv(a, _sent(b));
        assertEq(tokenA.balanceOf(address(this)), 75, "back home");
    }

    function test_a_failing_recipient_is_stored_and_can_be_retried_once() public {
        for (uint8 mode = 1; mode <= uint8(Recipient.Mode.RevertBomb); ++mode) {
            Recipient recipient = new Recipient();
            recipient.set(Recipient.Mode(mode));
            Packet[] memory packets = _sendTo(address(recipient), "p", none);
            _recv(b, packets);
            assertEq(recipient.calls(), mode == 2 || mode == 4 ? 1 : 0, "calls that stand");
            bytes32 id = keccak256(abi.encodePacked(keccak256("lane-7"), packets[0].sequence));
            assertTrue(b.gateway.stored(id) != 0, "stored");
            StoredMessage memory message = StoredMessage(_evm(a, address(a.app)), address(recipient), "p", 200_000, 0);
            vm.expectPartialRevert(IErc7786Gateway.NothingToRetry.selector);
            b.gateway.retry(id, StoredMessage(_evm(a, address(a.app)), address(recipient), "q", 200_000, 0));
            if (mode != 3) {
                vm.expectRevert(IErc7786Gateway.RecipientFailed.selector);
                b.gateway.retry(id, message);
            }
            recipient.set(Recipient.Mode.Accept);
            uint256 before = recipient.calls();
            b.gateway.retry(id, message);
            assertEq(recipient.calls(), before + 1, "retried");
            vm.expectPartialRevert(IErc7786Gateway.NothingToRetry.selector);
            b.gateway.retry(id, message);
        }
    }

    function test_a_retry_after_its_deadline_is_refused() public {
        Recipient recipient = new Recipient();
        recipient.set(Recipient.Mode.Revert);
        uint64 deadline = uint64(block.timestamp + 100);
        bytes[] memory attributes = new bytes[](1);
        attributes[0] = abi.encodeWithSignature("deliverBefore(uint256)", deadline);
        Packet[] memory packets = _sendTo(address(recipient), "p", attributes);
        assertEq(packets[0].timeoutTimestamp, deadline, "packet timeout");
        _recv(b, packets);
        recipient.set(Recipient.Mode.Accept);
        bytes32 id = keccak256(abi.encodePacked(keccak256("lane-7"), packets[0].sequence));
        StoredMessage memory message =
            StoredMessage(_evm(a, address(a.app)), address(recipient), "p", 200_000, deadline);
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IErc7786Gateway.DeadlinePassed.selector, deadline));
        b.gateway.retry(id, message);
    }

    function test_a_retry_with_too_little_gas_is_refused() public {
        Recipient recipient = new Recipient();
        recipient.set(Recipient.Mode.Revert);
        _recv(b, _sendTo(address(recipient), "p", none));
        recipient.set(Recipient.Mode.Accept);
        bytes32 id = keccak256(abi.encodePacked(keccak256("lane-7"), uint64(1)));
        StoredMessage memory message = StoredMessage(_evm(a, address(a.app)), address(recipient), "p", 200_000, 0);
        vm.expectPartialRevert(IErc7786Gateway.NotEnoughGas.selector);
        b.gateway.retry{gas: 150_000}(id, message);
        b.gateway.retry{gas: 400_000}(id, message);
        assertEq(recipient.calls(), 1, "calls");
    }

    function test_the_recipient_gets_the_gas_that_was_asked_for() public {
        Recipient recipient = new Recipient();
        bytes[] memory attributes = new bytes[](1);
        attributes[0] = abi.encodeWithSignature("minGasLimit(uint256)", uint256(1_000_000));
        _recv(b, _sendTo(address(recipient), "p", attributes));
        assertTrue(recipient.gasSeen() > 990_000 && recipient.gasSeen() <= 1_000_000, "gas asked for");
        _recv(b, _sendTo(address(recipient), "p", none));
        assertTrue(recipient.gasSeen() > 190_000 && recipient.gasSeen() <= 200_000, "default gas");
    }

    function test_unknown_attributes_are_refused_by_selector() public {
        assertTrue(!a.gateway.supportsAttribute(0), "zero");
        assertTrue(a.gateway.supportsAttribute(0x39f87ba1), "minGasLimit");
        assertTrue(a.gateway.supportsAttribute(0x3e97d7ee), "deliverBefore");
        bytes[] memory attributes = new bytes[](1);
        attributes[0] = abi.encodeWithSignature("deliverAfter(uint256)", 1);
        vm.expectRevert(abi.encodeWithSelector(IERC7786GatewaySource.UnsupportedAttribute.selector, bytes4(0x745910eb)));
        a.app.send(_evm(b, address(b.app)), "p", attributes);
        attributes[0] = hex"3e97";
        vm.expectPartialRevert(IERC7786GatewaySource.UnsupportedAttribute.selector);
        a.app.send(_evm(b, address(b.app)), "p", attributes);
    }

    function test_malformed_and_repeated_attributes_are_refused() public {
        bytes[] memory attributes = new bytes[](2);
        attributes[0] = abi.encodeWithSignature("minGasLimit(uint256)", 100);
        attributes[1] = attributes[0];
        vm.expectRevert(abi.encodeWithSelector(IErc7786Gateway.DuplicateAttribute.selector, bytes4(0x39f87ba1)));
        a.app.send(_evm(b, address(b.app)), "p", attributes);
        attributes[1] = hex"3e97d7ee00";
        vm.expectRevert(abi.encodeWithSelector(IErc7786Gateway.MalformedAttribute.selector, bytes4(0x3e97d7ee)));
        a.app.send(_evm(b, address(b.app)), "p", attributes);
        attributes[1] = abi.encodeWithSignature("deliverBefore(uint256)", uint256(1) << 64);
        vm.expectRevert(abi.encodeWithSelector(IErc7786Gateway.MalformedAttribute.selector, bytes4(0x3e97d7ee)));
        a.app.send(_evm(b, address(b.app)), "p", attributes);
        attributes[0] = abi.encodeWithSignature("minGasLimit(uint256)", 1_000_001);
        vm.expectRevert(abi.encodeWithSelector(IErc7786Gateway.GasLimitTooLarge.selector, 1_000_000, 1_000_001));
        a.app.send(_evm(b, address(b.app)), "p", attributes);
    }

    /// covers CON-10
    function test_value_is_refused() public {
        vm.deal(address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(IErc7786Gateway.ValueNotSupported.selector, 1));
        a.gateway.sendMessage{value: 1}(_evm(b, address(b.app)), "p", none);
    }

    /// covers CON-02, CON-16
    function test_other_spellings_and_unknown_destinations_are_refused() public {
        bytes memory right = _evm(b, address(b.app));
        bytes memory trailing = bytes.concat(right, hex"00");
        vm.expectRevert(abi.encodeWithSelector(IErc7786Gateway.NonCanonicalAddress.selector, trailing));
        a.gateway.sendMessage(trailing, "p", none);
        vm.expectPartialRevert(IErc7786Gateway.UnsupportedChain.selector);
        a.gateway.sendMessage(_evm(a, address(b.app)), "p", none);
        vm.expectPartialRevert(IErc7786Gateway.InvalidRecipient.selector);
        a.gateway.sendMessage(_evm(b, address(0)), "p", none);
        vm.expectPartialRevert(IErc7786Gateway.UnsupportedChain.selector);
        a.gateway.sendMessage(abi.encodePacked(hex"000100000014", address(b.app)), "p", none);
        vm.expectPartialRevert(IErc7786Gateway.InvalidRecipient.selector);
        a.gateway.sendMessage(hex"000100000203ea00", "p", none);
        vm.expectPartialRevert(IErc7786Gateway.PayloadTooLarge.selector);
        a.gateway.sendMessage(right, new bytes(16 * 1024 + 1), none);
        // 03ea with a leading zero is another spelling of chain 1002, and not a linked chain
        vm.expectPartialRevert(IErc7786Gateway.UnsupportedChain.selector);
        a.gateway.sendMessage(abi.encodePacked(hex"00010000030003ea14", address(b.app)), "p", none);
    }

    /// covers CON-04
    function test_callbacks_obey_the_router_only() public {
        PacketCall memory packet;
        bytes memory refusal = abi.encodeWithSelector(IErc7786Gateway.OnlyRouter.selector, address(this));
        vm.expectRevert(refusal);
        b.gateway.onRecvPacket(packet);
        vm.expectRevert(refusal);
        a.gateway.onAcknowledgementPacket(packet);
        vm.expectRevert(refusal);
        a.gateway.onTimeoutPacket(packet);
    }

    /// covers CON-05
    function test_a_message_to_the_contracts_themselves_reaches_nothing() public {
        address[4] memory targets =
            [address(b.router), address(b.gateway), address(b.transfer), address(b.client)];
        for (uint256 i = 0; i < targets.length; ++i) {
            Packet[] memory packets = _sendTo(targets[i], abi.encodeCall(b.router.pause, ()), none);
            _recv(b, packets);
            bytes32 id = keccak256(abi.encodePacked(keccak256("lane-7"), packets[0].sequence));
            assertTrue(b.gateway.stored(id) != 0, "not delivered");
        }
        assertTrue(!b.router.paused(), "paused");
    }

    function test_the_largest_message_fits_even_when_its_recipient_fails() public {
        Recipient recipient = new Recipient();
        recipient.set(Recipient.Mode.BurnGas);
        bytes[] memory attributes = new bytes[](1);
        attributes[0] = abi.encodeWithSignature("minGasLimit(uint256)", uint256(1_000_000));
        Packet[] memory packets = _sendTo(address(recipient), new bytes(16 * 1024), attributes);
        _recv(b, packets);
        bytes32 id = keccak256(abi.encodePacked(keccak256("lane-7"), packets[0].sequence));
        assertTrue(b.gateway.stored(id) != 0, "stored");
    }

    /// covers CON-08
    function test_identical_messages_are_distinct() public {
        Packet[] memory first = _send("same", none);
        Packet[] memory second = _send("same", none);
        _recv(b, first);
        _recv(b, second);
        assertEq(b.app.arrived(), 2, "arrived");
    }

    function test_a_timed_out_message_is_reported_to_its_gateway() public {
        Packet[] memory packets = _send("late", none);
        vm.warp(block.timestamp + 1 days);
        _recv(b, packets);
        assertEq(b.app.arrived(), 0, "arrived");
        vm.recordLogs();
        _timeout(a, packets);
        assertEq(_commitment(a, 1), 0, "commitment");
        bytes32 expected = IErc7786Gateway.MessageSettled.selector;
        bool found;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == expected) found = abi.decode(logs[i].data, (uint8)) == 4;
        }
        assertTrue(found, "outcome 4");
    }

    function test_a_client_is_linked_to_one_chain() public {
        vm.expectRevert(abi.encodeWithSelector(IErc7786Gateway.ClientAlreadyLinked.selector, "lane-0"));
        a.gateway.linkChain(hex"00010000010500", "lane-0");
        assertEq(a.gateway.chainOf("lane-0"), hex"000100000203ea00", "chain");
        assertEq(bytes(a.gateway.clientOf(hex"000100000203ea00")), "lane-0", "client");
    }

    /// covers CON-04
    function test_a_malformed_message_and_a_wrong_route_get_the_error_acknowledgement() public {
        bytes memory good = _send("p", none)[0].payloads[0].value;
        bytes[5] memory values = [bytes(""), _slice(good, 0, 40), good, good, good];
        values[2] = bytes.concat(good);
        values[2][0] = 0x02; // another format
        values[3] = bytes.concat(good);
        values[3][38] = 0x15; // a recipient of 21 bytes
        values[4] = bytes.concat(good);
        values[4][4] = 0xff; // more gas than the cap
        for (uint256 i = 0; i < values.length; ++i) {
            Packet[] memory packets = _send("p", none);
            packets[0].payloads[0].value = values[i];
            assertEq(_recvFailing(b, packets), IErc7786Gateway.MalformedMessage.selector, "why");
        }
        Packet[] memory wrong = _send("p", none);
        wrong[0].payloads[0].version = "2";
        assertEq(_recvFailing(b, wrong), IErc7786Gateway.WrongRoute.selector, "why");
        b.router.addClient("unlinked", _counterparty("lane-0"), address(b.client));
        b.clientId = "unlinked";
        wrong = _send("p", none);
        wrong[0].destClient = "unlinked";
        assertEq(_recvFailing(b, wrong), IErc7786Gateway.UnsupportedClient.selector, "why");
        b.clientId = "lane-7";
        assertEq(b.app.arrived(), 0, "arrived");
    }
}
