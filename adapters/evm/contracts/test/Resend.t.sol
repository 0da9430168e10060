// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";
import {IErc7786Gateway} from "../src/IErc7786Gateway.sol";
import {Packet} from "../src/IRouter.sol";
import {TestToken} from "../src/TestToken.sol";
import {StockBridge} from "./Messages.t.sol";
import {World} from "./World.sol";

/// A message that provably had no effect can be sent again, once: what a bridge locked for it is not lost.
contract ResendTest is World {
    bytes[] internal none;

    function _send(bytes[] memory attributes) internal returns (Packet[] memory) {
        vm.chainId(a.chainId);
        vm.recordLogs();
        a.app.send(_evm(b, address(b.app)), "again", attributes);
        return _sent(a);
    }

    function _resend(Packet memory packet) internal returns (Packet[] memory) {
        vm.chainId(a.chainId);
        vm.recordLogs();
        a.gateway.resend(_id(packet), packet.sourceClient, packet.payloads[0].value);
        return _sent(a);
    }

    function _id(Packet memory packet) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(keccak256(bytes(packet.sourceClient)), packet.sequence));
    }

    function _expectNothingToResend(Packet memory packet) internal {
        vm.expectPartialRevert(IErc7786Gateway.NothingToResend.selector);
        a.gateway.resend(_id(packet), packet.sourceClient, packet.payloads[0].value);
    }

    function test_tokens_that_a_stock_bridge_locked_for_a_message_that_timed_out_arrive_after_a_resend() public {
        TestToken tokenA = new TestToken("A", "A");
        TestToken tokenB = new TestToken("B", "B");
        StockBridge bridgeA = new StockBridge(tokenA, new CrosschainLinked.Link[](0));
        StockBridge bridgeB = new StockBridge(tokenB, new CrosschainLinked.Link[](0));
        bridgeA.link(address(a.gateway), _evm(b, address(bridgeB)));
        bridgeB.link(address(b.gateway), _evm(a, address(bridgeA)));
        tokenA.mint(address(this), 40);
        tokenB.mint(address(bridgeB), 1000);
        tokenA.approve(address(bridgeA), 40);
        vm.chainId(a.chainId);
        vm.recordLogs();
        bridgeA.crosschainTransfer(_evm(b, address(0xBEEF)), 40);
        Packet[] memory packets = _sent(a);
        vm.warp(packets[0].timeoutTimestamp);
        _timeout(a, packets);

        Packet[] memory again = _resend(packets[0]);
        assertEq(again.length, 1, "packets of the resend");
        assertTrue(again[0].timeoutTimestamp > block.timestamp, "a timeout of its own");
        _recv(b, again);
        assertEq(tokenB.balanceOf(address(0xBEEF)), 40, "unlocked");
        _expectNothingToResend(packets[0]);
    }

    function test_a_message_in_flight_or_delivered_cannot_be_sent_again() public {
        Packet[] memory packets = _send(none);
        _expectNothingToResend(packets[0]);
        _recv(b, packets);
        _ack(a, packets, _acks(hex"01", 1));
        _expectNothingToResend(packets[0]);
    }

    function test_a_message_that_is_stored_for_a_retry_cannot_be_sent_again() public {
        Packet[] memory packets = _send(none);
        _ack(a, packets, _acks(hex"02", 1));
        _expectNothingToResend(packets[0]);
    }

    function test_a_message_that_the_other_gateway_failed_can_be_sent_again_once() public {
        Packet[] memory packets = _send(none);
        _ack(a, packets, _acks(_errorAck(), 1));
        Packet[] memory again = _resend(packets[0]);
        assertEq(keccak256(again[0].payloads[0].value), keccak256(packets[0].payloads[0].value), "value");
        _expectNothingToResend(packets[0]);
    }

    function test_a_message_with_a_deadline_is_not_sent_again() public {
        bytes[] memory attributes = new bytes[](1);
        attributes[0] = abi.encodeWithSignature("deliverBefore(uint256)", block.timestamp + 60);
        Packet[] memory packets = _send(attributes);
        vm.warp(packets[0].timeoutTimestamp);
        _timeout(a, packets);
        _expectNothingToResend(packets[0]);
    }

    function test_another_value_or_another_client_is_not_sent_in_its_place() public {
        Packet[] memory packets = _send(none);
        vm.warp(packets[0].timeoutTimestamp);
        _timeout(a, packets);
        bytes32 id = _id(packets[0]);
        bytes memory value = packets[0].payloads[0].value;
        vm.expectPartialRevert(IErc7786Gateway.NothingToResend.selector);
        a.gateway.resend(id, "lane-1", value);
        value[value.length - 1] ^= 0x01;
        vm.expectPartialRevert(IErc7786Gateway.NothingToResend.selector);
        a.gateway.resend(id, packets[0].sourceClient, value);
    }

    function test_nothing_is_sent_again_while_the_router_is_paused() public {
        Packet[] memory packets = _send(none);
        vm.warp(packets[0].timeoutTimestamp);
        _timeout(a, packets);
        a.router.pause();
        vm.expectRevert(abi.encodeWithSignature("EnforcedPause()"));
        a.gateway.resend(_id(packets[0]), packets[0].sourceClient, packets[0].payloads[0].value);
    }
}
