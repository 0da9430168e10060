// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Ics20Voucher} from "../src/Ics20Voucher.sol";
import {PacketCall} from "../src/IIbcApp.sol";
import {FungibleTokenPacketData, IIcs20Transfer, SendTransferMsg} from "../src/IIcs20Transfer.sol";
import {Packet} from "../src/IRouter.sol";
import {TestToken} from "../src/TestToken.sol";
import {World} from "./World.sol";

/// A token with a flaw to choose.
contract OddToken is ERC20 {
    enum Flaw {
        None,
        Fee,
        ReturnsFalse,
        Blacklist
    }

    Flaw public flaw;

    constructor() ERC20("odd", "ODD") {
        _mint(msg.sender, 1000);
    }

    function set(Flaw flaw_) external {
        flaw = flaw_;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (flaw == Flaw.ReturnsFalse) return false;
        super.transferFrom(from, to, amount);
        if (flaw == Flaw.Fee) _burn(to, 1);
        return true;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        require(flaw != Flaw.Blacklist, "blacklisted");
        return super.transfer(to, amount);
    }
}

contract TransferTest is World {
    TestToken internal token;
    address internal constant BOB = address(0xB0B);
    bytes internal constant OK = '{"result":"AQ=="}';
    uint64 internal timeout;

    function setUp() public override {
        super.setUp();
        token = new TestToken("T", "T");
        token.mint(address(this), 1000);
        token.approve(address(a.transfer), type(uint256).max);
        timeout = uint64(block.timestamp + 1000);
        vm.chainId(a.chainId);
    }

    function _message(address token_, uint256 amount, address to, string memory client)
        internal
        view
        returns (SendTransferMsg memory)
    {
        return SendTransferMsg(token_, amount, Strings.toHexString(to), client, timeout, "");
    }

    function _out(uint256 amount) internal returns (Packet[] memory) {
        vm.recordLogs();
        a.transfer.sendTransfer(_message(address(token), amount, BOB, "lane-0"));
        return _sent(a);
    }

    function _voucher() internal view returns (Ics20Voucher) {
        (address voucher,) = b.transfer.voucherOf(_denom());
        return Ics20Voucher(voucher);
    }

    function _denom() internal view returns (string memory) {
        return string.concat("transfer/lane-7/", Strings.toHexString(address(token)));
    }

    function _back(uint256 amount, address to) internal returns (Packet[] memory) {
        Ics20Voucher voucher = _voucher();
        vm.startPrank(BOB);
        voucher.approve(address(b.transfer), amount);
        vm.recordLogs();
        b.transfer.sendTransfer(_message(address(voucher), amount, to, "lane-7"));
        vm.stopPrank();
        return _sent(b);
    }

    function test_tokens_go_out_as_vouchers_and_come_back() public {
        Packet[] memory packets = _out(100);
        _recv(b, packets);
        assertEq(_voucher().balanceOf(BOB), 100, "voucher");
        assertEq(bytes(_voucher().name()), bytes(_denom()), "name");
        assertEq(bytes(b.transfer.denomOf(address(_voucher()))), bytes(_denom()), "denom");
        assertEq(a.transfer.escrowed("lane-0", address(token)), 100, "escrow");
        _ack(a, packets, _acks(OK, 1));
        packets = _back(60, address(0xCAFE));
        assertEq(_voucher().totalSupply(), 40, "burned");
        _recv(a, packets);
        assertEq(token.balanceOf(address(0xCAFE)), 60, "unlocked");
        assertEq(a.transfer.escrowed("lane-0", address(token)), 40, "escrow left");
        _ack(b, packets, _acks(OK, 1));
        assertEq(_voucher().totalSupply(), 40, "nothing refunded");
    }

    function test_an_error_acknowledgement_refunds() public {
        Packet[] memory packets = _out(100);
        _ack(a, packets, _acks(_errorAck(), 1));
        assertEq(token.balanceOf(address(this)), 1000, "refunded");
        assertEq(a.transfer.escrowed("lane-0", address(token)), 0, "escrow");
    }

    function test_a_timeout_refunds_tokens_and_vouchers() public {
        Packet[] memory packets = _out(100);
        _recv(b, packets);
        Packet[] memory back = _back(60, BOB);
        Packet[] memory late = _out(7);
        vm.warp(timeout);
        _timeout(b, back);
        assertEq(_voucher().balanceOf(BOB), 100, "voucher refunded");
        _timeout(a, late);
        assertEq(token.balanceOf(address(this)), 900, "token refunded");
        _recv(b, late);
        assertEq(_voucher().totalSupply(), 100, "never delivered");
    }

    function test_an_unknown_acknowledgement_keeps_the_tokens_locked() public {
        _ack(a, _out(100), _acks("maybe", 1));
        assertTrue(_commitment(a, 1) != 0, "open");
        assertEq(a.transfer.escrowed("lane-0", address(token)), 100, "escrow");
    }

    /// covers CON-07
    function test_one_client_cannot_bring_back_what_another_holds() public {
        _recv(b, _out(100));
        Packet[] memory packets = _back(60, BOB);
        packets[0].payloads[0].value = abi.encode(
            FungibleTokenPacketData(_denom(), Strings.toHexString(BOB), Strings.toHexString(BOB), 101, "")
        );
        // all signers lie: one more than was ever locked
        assertEq(_recvFailing(a, packets), IIcs20Transfer.NotEnoughEscrow.selector, "why");
        assertEq(token.balanceOf(BOB), 0, "nothing");
        a.router.addClient("lane-1", _counterparty("evil"), address(a.client));
        packets[0].sourceClient = "evil";
        packets[0].destClient = "lane-1";
        packets[0].payloads[0].value = abi.encode(
            FungibleTokenPacketData(
                string.concat("transfer/evil/", Strings.toHexString(address(token))),
                Strings.toHexString(BOB),
                Strings.toHexString(BOB),
                1,
                ""
            )
        );
        string memory own = a.clientId;
        a.clientId = "lane-1";
        assertEq(_recvFailing(a, packets), IIcs20Transfer.NotEnoughEscrow.selector, "why");
        a.clientId = own;
        assertEq(token.balanceOf(BOB), 0, "nothing over another lane");
        assertEq(a.transfer.escrowed("lane-0", address(token)), 100, "escrow");
    }

    function test_a_voucher_can_travel_on_and_come_back() public {
        _recv(b, _out(100));
        // b -> a again, over another pair of clients: the voucher is locked on b, and a makes a voucher of the voucher
        b.router.addClient("on-b", _counterparty("on-a"), address(b.client));
        a.router.addClient("on-a", _counterparty("on-b"), address(a.client));
        Ics20Voucher voucher = _voucher();
        vm.startPrank(BOB);
        voucher.approve(address(b.transfer), 30);
        vm.recordLogs();
        b.transfer.sendTransfer(_message(address(voucher), 30, BOB, "on-b"));
        vm.stopPrank();
        Packet[] memory packets = _sent(b);
        a.clientId = "on-a";
        _recv(a, packets);
        a.clientId = "lane-0";
        (address second, bool exists) = a.transfer.voucherOf(string.concat("transfer/on-a/", _denom()));
        assertTrue(exists, "second voucher");
        assertEq(Ics20Voucher(second).balanceOf(BOB), 30, "second voucher");
        assertEq(b.transfer.escrowed("on-b", address(voucher)), 30, "locked");
        vm.startPrank(BOB);
        Ics20Voucher(second).approve(address(a.transfer), 30);
        vm.recordLogs();
        a.transfer.sendTransfer(_message(second, 30, BOB, "on-a"));
        vm.stopPrank();
        packets = _sent(a);
        b.clientId = "on-b";
        _recv(b, packets);
        b.clientId = "lane-7";
        assertEq(voucher.balanceOf(BOB), 100, "whole again");
    }

    /// covers CON-09
    function test_odd_tokens_are_refused_or_refunded() public {
        OddToken odd = new OddToken();
        odd.approve(address(a.transfer), 1000);
        odd.set(OddToken.Flaw.Fee);
        vm.expectRevert(abi.encodeWithSelector(IIcs20Transfer.UnexpectedBalance.selector, odd, 10, 9));
        a.transfer.sendTransfer(_message(address(odd), 10, BOB, "lane-0"));
        odd.set(OddToken.Flaw.ReturnsFalse);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, odd));
        a.transfer.sendTransfer(_message(address(odd), 10, BOB, "lane-0"));
        vm.expectRevert(abi.encodeWithSelector(IIcs20Transfer.NotAToken.selector, address(0)));
        a.transfer.sendTransfer(_message(address(0), 10, BOB, "lane-0"));
        odd.set(OddToken.Flaw.None);
        vm.recordLogs();
        a.transfer.sendTransfer(_message(address(odd), 10, BOB, "lane-0"));
        Packet[] memory packets = _sent(a);
        odd.set(OddToken.Flaw.Blacklist);
        vm.warp(timeout);
        _timeout(a, packets); // the refund fails now: the packet stays open
        assertEq(a.transfer.escrowed("lane-0", address(odd)), 10, "escrow");
        odd.set(OddToken.Flaw.None);
        _timeout(a, packets);
        assertEq(odd.balanceOf(address(this)), 1000, "refunded later");
    }

    function test_sending_refuses_bad_amounts_and_texts() public {
        vm.expectRevert(IIcs20Transfer.ZeroAmount.selector);
        a.transfer.sendTransfer(_message(address(token), 0, BOB, "lane-0"));
        vm.expectPartialRevert(IERC20Errors.ERC20InsufficientBalance.selector);
        a.transfer.sendTransfer(_message(address(token), 1001, BOB, "lane-0"));
        SendTransferMsg memory message = _message(address(token), 1, BOB, "lane-0");
        message.receiver = string(new bytes(2049));
        vm.expectPartialRevert(IIcs20Transfer.TextTooLong.selector);
        a.transfer.sendTransfer(message);
        message.receiver = "r";
        message.memo = string(new bytes(32 * 1024 + 1));
        vm.expectPartialRevert(IIcs20Transfer.TextTooLong.selector);
        a.transfer.sendTransfer(message);
    }

    /// Whatever a packet says that cannot be done gets the error acknowledgement, and nothing moves.
    function test_impossible_packets_move_nothing() public {
        string memory bob = Strings.toHexString(BOB);
        FungibleTokenPacketData[7] memory data = [
            FungibleTokenPacketData("uatom", "s", "not an address", 1, ""),
            FungibleTokenPacketData("uatom", "s", Strings.toHexString(address(0)), 1, ""),
            FungibleTokenPacketData("uatom", "s", Strings.toHexString(address(b.transfer)), 1, ""),
            FungibleTokenPacketData("uatom", "s", bob, 0, ""),
            FungibleTokenPacketData("transfer/lane-0/uatom", "s", bob, 1, ""),
            FungibleTokenPacketData(string.concat("transfer/lane-0/", _upper(address(token))), "s", bob, 1, ""),
            FungibleTokenPacketData(string(new bytes(300)), "s", bob, 1, "")
        ];
        bytes4[7] memory reasons = [
            IIcs20Transfer.InvalidAddress.selector,
            IIcs20Transfer.InvalidAddress.selector,
            IIcs20Transfer.InvalidAddress.selector,
            IIcs20Transfer.ZeroAmount.selector,
            IIcs20Transfer.UnknownDenom.selector,
            IIcs20Transfer.UnknownDenom.selector,
            IIcs20Transfer.TextTooLong.selector
        ];
        for (uint256 i = 0; i < data.length; ++i) {
            Packet[] memory packets = _out(1);
            packets[0].payloads[0].value = abi.encode(data[i]);
            assertEq(_recvFailing(b, packets), reasons[i], "why");
            _ack(a, _one(_restore(packets[0], 1)), _acks(_errorAck(), 1));
            assertEq(token.balanceOf(address(this)), 1000, "refunded");
        }
        Packet[] memory garbage = _out(1);
        garbage[0].payloads[0].value = hex"1234";
        assertEq(_recvFailing(b, garbage), bytes4(0), "garbage");
        (, bool exists) = b.transfer.voucherOf("transfer/lane-7/uatom");
        assertTrue(!exists, "no voucher");
    }

    /// covers CON-13, CON-14
    function test_a_rate_limit_bounds_arrivals_delays_and_refunds() public {
        token.mint(address(this), 1000);
        Ics20Voucher voucher = _voucher();
        b.transfer.setRateLimit(address(voucher), 100, 1000);
        _recv(b, _out(100));
        assertEq(voucher.balanceOf(BOB), 100, "up to the limit");
        Packet[] memory over = _out(1);
        assertEq(_recvFailing(b, over), IIcs20Transfer.RateLimited.selector, "why");
        assertEq(voucher.totalSupply(), 100, "over the limit");
        _ack(a, over, _acks(_errorAck(), 1));
        assertEq(token.balanceOf(address(this)), 1900, "refunded at home");
        vm.warp(block.timestamp + 500);
        timeout += 2000;
        _recv(b, _out(50));
        assertEq(voucher.totalSupply(), 150, "refilled by half");
        Packet[] memory back = _back(150, BOB);
        vm.warp(timeout);
        _timeout(b, back);
        assertEq(voucher.balanceOf(BOB), 150, "a refund is not limited");
        b.transfer.setRateLimit(address(voucher), 0, 0);
        timeout += 2000;
        _recv(b, _out(500));
        assertEq(voucher.totalSupply(), 650, "no limit");
        b.transfer.setRateLimit(address(voucher), 0, 1);
        _recv(b, _out(1));
        assertEq(voucher.totalSupply(), 650, "capacity zero stops arrivals");
    }

    /// covers CON-04
    function test_callbacks_and_vouchers_obey_their_owner_only() public {
        PacketCall memory packet;
        bytes memory refusal = abi.encodeWithSelector(IIcs20Transfer.OnlyRouter.selector, address(this));
        vm.expectRevert(refusal);
        a.transfer.onRecvPacket(packet);
        vm.expectRevert(refusal);
        a.transfer.onAcknowledgementPacket(packet);
        vm.expectRevert(refusal);
        a.transfer.onTimeoutPacket(packet);
        _recv(b, _out(1));
        Ics20Voucher voucher = _voucher();
        refusal = abi.encodeWithSelector(Ics20Voucher.OnlyTransfer.selector, address(this));
        vm.expectRevert(refusal);
        voucher.mint(address(this), 1);
        vm.expectRevert(refusal);
        voucher.burn(1);
        vm.expectRevert(refusal);
        voucher.initialize("x");
        vm.prank(address(b.transfer));
        vm.expectRevert(Ics20Voucher.AlreadyInitialized.selector);
        voucher.initialize("x");
    }

    function test_the_wrong_encoding_is_refused() public {
        Packet[] memory packets = _out(1);
        packets[0].payloads[0].encoding = "application/json";
        assertEq(_recvFailing(b, packets), IIcs20Transfer.WrongRoute.selector, "why");
        (, bool exists) = b.transfer.voucherOf(_denom());
        assertTrue(!exists, "no voucher");
    }

    /// covers CON-07
    function testFuzz_amounts_are_conserved(uint256 out, uint256 back) public {
        out = bound(out, 1, 1000);
        back = bound(back, 1, out);
        _recv(b, _out(out));
        _recv(a, _back(back, address(0xCAFE)));
        assertEq(token.balanceOf(address(0xCAFE)), back, "back");
        assertEq(a.transfer.escrowed("lane-0", address(token)), _voucher().totalSupply(), "locked is what circulates");
    }

    function _restore(Packet memory packet, uint256 amount) private view returns (Packet memory) {
        packet.payloads[0].value = abi.encode(
            FungibleTokenPacketData(
                Strings.toHexString(address(token)),
                Strings.toHexString(address(this)),
                Strings.toHexString(BOB),
                amount,
                ""
            )
        );
        return packet;
    }

    function _upper(address account) private pure returns (string memory) {
        bytes memory text = bytes(Strings.toHexString(account));
        for (uint256 i = 2; i < text.length; ++i) {
            if (text[i] >= "a") text[i] = bytes1(uint8(text[i]) - 32);
        }
        return string(text);
    }
}
