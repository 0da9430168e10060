// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Ics20Voucher} from "../src/Ics20Voucher.sol";
import {SendTransferMsg} from "../src/IIcs20Transfer.sol";
import {IRouter, Packet} from "../src/IRouter.sol";
import {TestToken} from "../src/TestToken.sol";
import {Cheats, Vm} from "./Cheats.sol";
import {World} from "./World.sol";

/// Sends tokens both ways and relays in any order, as often as it likes. Its attestors are honest: they sign an acknowledgement that
/// the other side wrote, and an absence that holds there at a late enough time.
contract Handler is World {
    struct Travel {
        Packet packet;
        bool fromA;
        uint256 amount;
        /// What the destination answered; empty before.
        bytes ack;
        uint256 receipts;
        uint256 settlements;
    }

    bytes internal constant OK = '{"result":"AQ=="}';
    uint256 internal constant SUPPLY = 1_000_000;
    TestToken public token;
    Travel[] internal travels;

    function setUp() public override {
        super.setUp();
        token = new TestToken("T", "T");
        token.mint(address(this), SUPPLY);
        token.approve(address(a.transfer), type(uint256).max);
        b.transfer.setRateLimit(address(voucher()), 50_000, 5000); // some arrivals fail
        _sendFrom(a, address(token), 1000);
        _deliver(travels[0]);
        voucher().approve(address(b.transfer), type(uint256).max);
    }

    function send(uint256 amount) external {
        uint256 balance = token.balanceOf(address(this));
        if (balance != 0) _sendFrom(a, address(token), bound(amount, 1, balance < 40_000 ? balance : 40_000));
    }

    function sendBack(uint256 amount) external {
        uint256 balance = voucher().balanceOf(address(this));
        if (balance != 0) _sendFrom(b, address(voucher()), bound(amount, 1, balance));
    }

    function deliver(uint256 pick) external {
        _deliver(travels[pick % travels.length]);
    }

    function acknowledge(uint256 pick) external {
        Travel storage t = travels[pick % travels.length];
        if (t.ack.length == 0) return;
        bool open = _open(t);
        _ack(t.fromA ? a : b, _one(t.packet), _acks(t.ack, 1));
        if (open && !_open(t)) t.settlements += 1;
    }

    function expire(uint256 pick) external {
        Travel storage t = travels[pick % travels.length];
        bool late = block.timestamp >= t.packet.timeoutTimestamp;
        if (!late || _received(t.fromA ? b : a, t.packet.sequence)) return;
        bool open = _open(t);
        _timeout(t.fromA ? a : b, _one(t.packet));
        if (open && !_open(t)) t.settlements += 1;
    }

    function wait(uint256 seconds_) external {
        vm.warp(block.timestamp + bound(seconds_, 1, 800));
    }

    // What must hold.

    function voucher() public view returns (Ics20Voucher) {
        string memory denom = string.concat("transfer/lane-7/", Strings.toHexString(address(token)));
        (address found,) = b.transfer.voucherOf(denom);
        return Ics20Voucher(found);
    }

    /// Locked here = circulating there + on the way there + on the way back.
    function checkConservation() external view {
        uint256 moving = 0;
        for (uint256 i = 0; i < travels.length; ++i) {
            Travel storage t = travels[i];
            if (_open(t) && keccak256(t.ack) != keccak256(OK)) moving += t.amount;
        }
        uint256 locked = a.transfer.escrowed("lane-0", address(token));
        assertEq(locked, voucher().totalSupply() + moving, "locked = circulating + moving");
        assertEq(token.balanceOf(address(a.transfer)), locked, "balance = locked");
        assertEq(token.balanceOf(address(this)) + locked, SUPPLY, "supply");
    }

    function checkOneEffect() external view {
        for (uint256 i = 0; i < travels.length; ++i) {
            Travel storage t = travels[i];
            assertTrue(t.receipts <= 1, "received once");
            assertTrue(t.settlements <= 1, "settled once");
            assertTrue(_open(t) == (t.settlements == 0), "settled for good");
        }
    }

    function _sendFrom(Side storage from, address token_, uint256 amount) private {
        vm.chainId(from.chainId);
        vm.recordLogs();
        uint64 timeout = uint64(block.timestamp + 1000);
        string memory receiver = Strings.toHexString(address(this));
        from.transfer.sendTransfer(SendTransferMsg(token_, amount, receiver, from.clientId, timeout, ""));
        Travel storage t = travels.push();
        t.packet = _sent(from)[0];
        t.fromA = from.chainId == a.chainId;
        t.amount = amount;
    }

    function _deliver(Travel storage t) private {
        Side storage to = t.fromA ? b : a;
        vm.recordLogs();
        _recv(to, _one(t.packet));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IRouter.WriteAcknowledgements.selector) continue;
            (,, bytes[] memory acks) = abi.decode(logs[i].data, (uint64[], bytes, bytes[]));
            t.ack = acks[0];
            t.receipts += 1;
        }
    }

    function _open(Travel storage t) private view returns (bool) {
        return _commitment(t.fromA ? a : b, t.packet.sequence) != 0;
    }
}

contract InvariantTest is Cheats {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler private handler;

    function setUp() public {
        handler = new Handler();
        handler.setUp();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), new bytes4[](6));
        targets[0].selectors[0] = Handler.send.selector;
        targets[0].selectors[1] = Handler.sendBack.selector;
        targets[0].selectors[2] = Handler.deliver.selector;
        targets[0].selectors[3] = Handler.acknowledge.selector;
        targets[0].selectors[4] = Handler.expire.selector;
        targets[0].selectors[5] = Handler.wait.selector;
    }

    function invariant_tokens_are_conserved() public view {
        handler.checkConservation();
    }

    function invariant_a_packet_has_one_effect() public view {
        handler.checkOneEffect();
    }
}
