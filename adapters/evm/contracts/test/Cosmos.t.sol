// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC7786GatewaySource, IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IErc7786Gateway} from "../src/IErc7786Gateway.sol";
import {FungibleTokenPacketData, IIcs20Transfer, SendTransferMsg} from "../src/IIcs20Transfer.sol";
import {Ics20Voucher} from "../src/Ics20Voucher.sol";
import {CallData} from "../src/Ics27.sol";
import {IRouter, Packet, Payload} from "../src/IRouter.sol";
import {TestToken} from "../src/TestToken.sol";
import {Vm} from "./Cheats.sol";
import {World} from "./World.sol";

/// Remembers the last message, or fails.
contract Listener is IERC7786Recipient {
    bytes public sender;
    bytes public payload;
    bytes32 public receiveId;
    uint256 public gasSeen;
    bool public fails;

    function fail() external {
        fails = true;
    }

    function receiveMessage(bytes32 receiveId_, bytes calldata sender_, bytes calldata payload_)
        external
        payable
        returns (bytes4)
    {
        require(!fails, "no");
        gasSeen = gasleft();
        (receiveId, sender, payload) = (receiveId_, sender_, payload_);
        return IERC7786Recipient.receiveMessage.selector;
    }
}

/// A stock Cosmos chain on the other side of side `a`: its packets are written here as ibc-go writes them. The byte strings
/// were made by ibc-go 11.2 from the values that the tests name.
contract CosmosTest is World {
    string internal constant HERE = "attestations-4";
    string internal constant THERE = "attestations-0";
    string internal constant ALICE = "cosmos1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnrk363e";
    /// ERC-7930 of cosmos:chain-a, without the length of an address.
    bytes internal constant CHAIN = hex"0001ff0107636861696e2d61";
    address internal constant BOB = 0x71C7656EC7ab88b098defB751B7401B5f6d8976F;
    bytes internal constant OK = '{"result":"AQ=="}';
    /// stake, 2^65, from ALICE to BOB, memo {"a":1}
    bytes internal constant TRANSFER =
        hex"000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000"
        hex"000000000000000000000000000000a000000000000000000000000000000000000000000000000000000000000000e0"
        hex"000000000000000000000000000000000000000000000000000000000000014000000000000000000000000000000000"
        hex"0000000000000002000000000000000000000000000000000000000000000000000000000000000000000000000001a0"
        hex"00000000000000000000000000000000000000000000000000000000000000057374616b650000000000000000000000"
        hex"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002d"
        hex"636f736d6f7331717171737971637971357271777a71667067397363726777707567707a79736e726b33363365000000"
        hex"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002a"
        hex"307837316337363536656337616238386230393864656662373531623734303162356636643839373666000000000000"
        hex"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000007"
        hex"7b2261223a317d00000000000000000000000000000000000000000000000000";
    /// BOB calls with payload "hello", no receiver.
    bytes internal constant CALL_OUT =
        hex"000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000"
        hex"000000000000000000000000000000a00000000000000000000000000000000000000000000000000000000000000100"
        hex"000000000000000000000000000000000000000000000000000000000000012000000000000000000000000000000000"
        hex"000000000000000000000000000001400000000000000000000000000000000000000000000000000000000000000180"
        hex"000000000000000000000000000000000000000000000000000000000000002a30783731433736353645433761623838"
        hex"623039386465664237353142373430314235663664383937364600000000000000000000000000000000000000000000"
        hex"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        hex"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000005"
        hex"68656c6c6f00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        hex"00000000000000000000000000000000";
    /// ALICE calls BOB (in lower case) with payload "hello".
    bytes internal constant CALL_IN =
        hex"000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000"
        hex"000000000000000000000000000000a00000000000000000000000000000000000000000000000000000000000000100"
        hex"000000000000000000000000000000000000000000000000000000000000016000000000000000000000000000000000"
        hex"0000000000000000000000000000018000000000000000000000000000000000000000000000000000000000000001c0"
        hex"000000000000000000000000000000000000000000000000000000000000002d636f736d6f7331717171737971637971"
        hex"357271777a71667067397363726777707567707a79736e726b3336336500000000000000000000000000000000000000"
        hex"000000000000000000000000000000000000000000000000000000000000002a30783731633736353665633761623838"
        hex"623039386465666237353162373430316235663664383937366600000000000000000000000000000000000000000000"
        hex"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        hex"0000000000000000000000000000000568656c6c6f000000000000000000000000000000000000000000000000000000"
        hex"0000000000000000000000000000000000000000000000000000000000000000";
    /// The acknowledgement of a call with result "ok".
    bytes internal constant CALL_RESULT =
        hex"000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000"
        hex"000000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000002"
        hex"6f6b000000000000000000000000000000000000000000000000000000000000";
    uint256 internal constant AMOUNT = 2 ** 65;

    bytes[] internal none;
    TestToken internal token;
    uint64 internal timeout;
    uint64 internal sequence;

    function setUp() public override {
        super.setUp();
        vm.chainId(a.chainId);
        a.router.addClient(HERE, _counterparty(THERE), address(a.client));
        a.gateway.linkChain(bytes.concat(CHAIN, hex"00"), HERE);
        a.clientId = HERE;
        timeout = uint64(block.timestamp + 1000);
        token = new TestToken("T", "T");
        token.mint(address(this), 1000);
        token.approve(address(a.transfer), type(uint256).max);
    }

    /// What the Cosmos chain sends.
    function _incoming(string memory port, string memory version, bytes memory value)
        internal
        returns (Packet[] memory)
    {
        Payload[] memory payloads = new Payload[](1);
        payloads[0] = Payload(port, port, version, "application/x-solidity-abi", value);
        return _one(Packet(++sequence, THERE, HERE, timeout, payloads));
    }

    /// The acknowledgement that the router wrote for the one packet of the batch just received.
    function _written() internal returns (bytes memory) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IRouter.WriteAcknowledgements.selector) continue;
            (,, bytes[] memory acks) = abi.decode(logs[i].data, (uint64[], bytes, bytes[]));
            return acks[0];
        }
        revert False("no acknowledgement");
    }

    function _outcome() internal returns (uint8) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            bool settled = logs[i].topics[0] == IErc7786Gateway.MessageSettled.selector;
            if (settled) return abi.decode(logs[i].data, (uint8));
        }
        revert False("not settled");
    }

    // Messages.

    function _call(bytes memory recipient, bytes[] memory attributes) internal returns (Packet[] memory) {
        vm.recordLogs();
        vm.prank(BOB);
        a.gateway.sendMessage(recipient, "hello", attributes);
        return _sent(a);
    }

    function _call() internal returns (Packet[] memory) {
        return _call(bytes.concat(CHAIN, hex"00"), none);
    }

    function test_a_message_to_a_cosmos_chain_is_the_call_that_its_stock_module_reads() public {
        Packet[] memory packets = _call();
        assertEq(packets.length, 1, "packets");
        Payload memory payload = packets[0].payloads[0];
        assertEq(bytes(payload.sourcePort), "gmpport", "source port");
        assertEq(bytes(payload.destPort), "gmpport", "destination port");
        assertEq(bytes(payload.version), "ics27-2", "version");
        assertEq(bytes(payload.encoding), "application/x-solidity-abi", "encoding");
        assertEq(payload.value, CALL_OUT, "value");
        assertEq(bytes(packets[0].destClient), bytes(THERE), "client");
        assertEq(packets[0].timeoutTimestamp, block.timestamp + 1 days, "timeout");
    }

    function test_the_address_of_a_recipient_is_passed_on_as_text() public {
        bytes memory recipient = abi.encodePacked(CHAIN, uint8(bytes(ALICE).length), ALICE);
        CallData memory data = abi.decode(_call(recipient, none)[0].payloads[0].value, (CallData));
        assertEq(bytes(data.receiver), bytes(ALICE), "receiver");
        assertEq(bytes(data.sender), bytes(Strings.toChecksumHexString(BOB)), "sender");
        assertEq(data.payload, "hello", "payload");
    }

    function test_a_deadline_is_the_timeout_and_gas_for_a_cosmos_chain_is_refused() public {
        bytes[] memory attributes = new bytes[](1);
        attributes[0] = abi.encodeWithSignature("deliverBefore(uint256)", timeout);
        assertEq(_call(bytes.concat(CHAIN, hex"00"), attributes)[0].timeoutTimestamp, timeout, "timeout");
        attributes[0] = abi.encodeWithSignature("minGasLimit(uint256)", 100_000);
        vm.expectRevert(abi.encodeWithSelector(IERC7786GatewaySource.UnsupportedAttribute.selector, bytes4(0x39f87ba1)));
        a.gateway.sendMessage(bytes.concat(CHAIN, hex"00"), "hello", attributes);
    }

    function test_a_call_is_settled_as_done_as_failed_or_as_timed_out() public {
        Packet[] memory packets = _call();
        vm.recordLogs();
        _ack(a, packets, _acks(CALL_RESULT, 1));
        assertEq(_outcome(), 1, "done");
        packets = _call();
        vm.recordLogs();
        _ack(a, packets, _acks(_errorAck(), 1));
        assertEq(_outcome(), 3, "failed");
        packets = _call();
        vm.warp(packets[0].timeoutTimestamp);
        vm.recordLogs();
        _timeout(a, packets);
        assertEq(_outcome(), 4, "timed out");
    }

    function test_a_call_that_failed_cannot_be_sent_again_by_a_stranger() public {
        Packet[] memory packets = _call();
        _ack(a, packets, _acks(_errorAck(), 1));
        bytes32 id = keccak256(abi.encodePacked(keccak256(bytes(HERE)), packets[0].sequence));
        assertEq(a.gateway.undelivered(id), 0, "nothing is kept");
        vm.expectPartialRevert(IErc7786Gateway.NothingToResend.selector);
        a.gateway.resend(id, HERE, packets[0].payloads[0].value);
    }

    function _callIn(string memory sender, string memory receiver, bytes memory salt) internal returns (Packet[] memory) {
        return _incoming("gmpport", "ics27-2", abi.encode(CallData(sender, receiver, salt, "hello", "a memo")));
    }

    function _listen() internal returns (Listener listener) {
        listener = new Listener();
    }

    function test_a_call_of_a_cosmos_account_reaches_its_receiver_under_the_name_of_the_account() public {
        Listener listener = _listen();
        Packet[] memory packets = _callIn(ALICE, Strings.toHexString(address(listener)), "");
        vm.recordLogs();
        _recv(a, packets);
        assertEq(_written(), abi.encode(uint256(0x20), uint256(0x20), uint256(0)), "acknowledgement");
        assertEq(listener.payload(), "hello", "payload");
        assertEq(listener.sender(), abi.encodePacked(CHAIN, uint8(bytes(ALICE).length), ALICE), "sender");
        assertEq(
            listener.receiveId(), keccak256(abi.encodePacked(keccak256(bytes(HERE)), packets[0].sequence)), "receive id"
        );
        assertTrue(listener.gasSeen() > 100_000 && listener.gasSeen() <= 200_000, "gas");
    }

    function test_the_bytes_of_a_stock_call_are_read() public {
        assertEq(_recvFailing(a, _incoming("gmpport", "ics27-2", CALL_IN)), IErc7786Gateway.RecipientFailed.selector, "why");
    }

    function test_a_call_whose_recipient_fails_gets_the_error_acknowledgement_and_is_not_stored() public {
        Listener listener = _listen();
        listener.fail();
        Packet[] memory packets = _callIn(ALICE, Strings.toHexString(address(listener)), "");
        vm.recordLogs();
        _recv(a, packets);
        assertEq(_written(), _errorAck(), "acknowledgement");
        assertEq(
            a.gateway.stored(keccak256(abi.encodePacked(keccak256(bytes(HERE)), packets[0].sequence))), 0, "stored"
        );
    }

    function test_calls_that_cannot_be_carried_out_are_refused() public {
        string memory receiver = Strings.toHexString(address(_listen()));
        bytes4 malformed = IErc7786Gateway.MalformedMessage.selector;
        assertEq(_recvFailing(a, _callIn(ALICE, "", "")), malformed, "no receiver");
        assertEq(_recvFailing(a, _callIn(ALICE, ALICE, "")), malformed, "a receiver elsewhere");
        assertEq(_recvFailing(a, _callIn("", receiver, "")), malformed, "no sender");
        assertEq(_recvFailing(a, _callIn(string(new bytes(256)), receiver, "")), malformed, "a long sender");
        assertEq(_recvFailing(a, _callIn(ALICE, receiver, "x")), IErc7786Gateway.SaltNotSupported.selector, "salt");
        assertEq(_recvFailing(a, _incoming("gmpport", "ics27-2", "junk")), 0, "junk");
        bytes4 route = IErc7786Gateway.WrongRoute.selector;
        assertEq(_recvFailing(a, _incoming("gmpport", "ics27-1", CALL_IN)), route, "version");
    }

    function test_an_evm_chain_cannot_call_as_a_cosmos_chain() public {
        Packet[] memory packets = _callIn(ALICE, Strings.toHexString(address(_listen())), "");
        packets[0].sourceClient = "lane-7";
        packets[0].destClient = "lane-0";
        a.clientId = "lane-0";
        assertEq(_recvFailing(a, packets), IErc7786Gateway.UnsupportedClient.selector, "why");
    }

    // Tokens.

    function _transferIn(string memory denom, string memory sender, uint256 amount) internal returns (Packet[] memory) {
        string memory receiver = Strings.toHexString(BOB);
        FungibleTokenPacketData memory data = FungibleTokenPacketData(denom, sender, receiver, amount, "");
        return _incoming("transfer", "ics20-1", abi.encode(data));
    }

    function _transferOut(address token_, uint256 amount, string memory receiver) internal returns (Packet[] memory) {
        vm.recordLogs();
        a.transfer.sendTransfer(SendTransferMsg(token_, amount, receiver, HERE, timeout, ""));
        return _sent(a);
    }

    function _voucher(string memory denom) internal view returns (Ics20Voucher) {
        (address voucher,) = a.transfer.voucherOf(string.concat("transfer/", HERE, "/", denom));
        return Ics20Voucher(voucher);
    }

    function _takeOver(Ics20Voucher voucher, uint256 amount) internal {
        vm.prank(BOB);
        voucher.transfer(address(this), amount);
        voucher.approve(address(a.transfer), amount);
    }

    function test_a_coin_arrives_in_the_bytes_of_a_stock_chain_and_goes_home() public {
        vm.recordLogs();
        _recv(a, _incoming("transfer", "ics20-1", TRANSFER));
        assertEq(_written(), OK, "acknowledgement");
        Ics20Voucher voucher = _voucher("stake");
        assertEq(voucher.balanceOf(BOB), AMOUNT, "more than 64 bits");
        _takeOver(voucher, AMOUNT);
        Packet[] memory packets = _transferOut(address(voucher), AMOUNT, ALICE);
        assertEq(voucher.totalSupply(), 0, "burned");
        FungibleTokenPacketData memory data = abi.decode(packets[0].payloads[0].value, (FungibleTokenPacketData));
        // The denom as a chain reads it that locked stake for the client of the other side.
        assertEq(bytes(data.denom), bytes(string.concat("transfer/", HERE, "/stake")), "denom");
        assertEq(bytes(data.receiver), bytes(ALICE), "receiver");
        assertEq(bytes(data.sender), bytes(Strings.toHexString(address(this))), "sender");
        _ack(a, packets, _acks(OK, 1));
        assertEq(voucher.totalSupply(), 0, "still burned");
    }

    function test_a_token_goes_out_under_its_address_and_comes_back() public {
        Packet[] memory packets = _transferOut(address(token), 100, ALICE);
        FungibleTokenPacketData memory data = abi.decode(packets[0].payloads[0].value, (FungibleTokenPacketData));
        assertEq(bytes(data.denom), bytes(Strings.toHexString(address(token))), "denom");
        assertEq(packets[0].payloads[0].value, abi.encode(data), "canonical");
        _ack(a, packets, _acks(OK, 1));
        string memory denom = string.concat("transfer/", THERE, "/", Strings.toHexString(address(token)));
        _recv(a, _transferIn(denom, ALICE, 40));
        assertEq(token.balanceOf(BOB), 40, "unlocked");
        assertEq(a.transfer.escrowed(HERE, address(token)), 60, "still locked");
        assertEq(_recvFailing(a, _transferIn(denom, ALICE, 61)), IIcs20Transfer.NotEnoughEscrow.selector, "too much");
    }

    function test_what_a_cosmos_chain_refuses_or_lets_expire_is_refunded() public {
        Packet[] memory packets = _transferOut(address(token), 100, "no address at all");
        _ack(a, packets, _acks(_errorAck(), 1));
        assertEq(token.balanceOf(address(this)), 1000, "refused");
        packets = _transferOut(address(token), 100, ALICE);
        vm.warp(timeout);
        _timeout(a, packets);
        assertEq(token.balanceOf(address(this)), 1000, "expired");
    }

    function test_coins_of_other_chains_keep_their_whole_trace() public {
        _recv(a, _transferIn("transfer/channel-7/uatom", ALICE, 5));
        Ics20Voucher voucher = _voucher("transfer/channel-7/uatom");
        assertEq(voucher.balanceOf(BOB), 5, "voucher");
        _takeOver(voucher, 5);
        Packet[] memory packets = _transferOut(address(voucher), 5, ALICE);
        FungibleTokenPacketData memory data = abi.decode(packets[0].payloads[0].value, (FungibleTokenPacketData));
        assertEq(bytes(data.denom), bytes(string.concat("transfer/", HERE, "/transfer/channel-7/uatom")), "denom");
    }

    /// Whatever texts a Cosmos chain uses for its accounts, and whatever it answers, nothing is made or lost.
    function testFuzz_texts_of_the_other_chain_are_opaque(
        string memory sender,
        string memory receiver,
        string memory denom,
        uint256 amount,
        bool refused
    ) public {
        vm.assume(bytes(receiver).length <= 2048 && bytes(denom).length <= 200);
        amount = bound(amount, 1, type(uint256).max);
        string memory base = string.concat("u", denom);
        _recv(a, _transferIn(base, sender, amount));
        Ics20Voucher voucher = _voucher(base);
        assertEq(voucher.balanceOf(BOB), amount, "arrived");
        _takeOver(voucher, amount);
        Packet[] memory packets = _transferOut(address(voucher), amount, receiver);
        FungibleTokenPacketData memory data = abi.decode(packets[0].payloads[0].value, (FungibleTokenPacketData));
        assertEq(bytes(data.receiver), bytes(receiver), "receiver");
        assertEq(voucher.totalSupply(), 0, "on its way");
        _ack(a, packets, _acks(refused ? _errorAck() : OK, 1));
        assertEq(voucher.balanceOf(address(this)), refused ? amount : 0, "settled");
        assertEq(voucher.totalSupply(), refused ? amount : 0, "supply");
    }
}
