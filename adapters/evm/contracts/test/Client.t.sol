// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {AttestationClient} from "../src/AttestationClient.sol";
import {Height, MsgVerifyMembership, MsgVerifyNonMembership, UpdateResult} from "../src/ILightClient.sol";
import {Cheats} from "./Cheats.sol";

contract ClientTest is Cheats {
    uint256 private constant N = 5;
    uint8 private constant M = 3;
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    AttestationClient private client;

    function setUp() public {
        vm.warp(1_700_000_000);
        client = new AttestationClient(_set(1, N), M, 10, 1000, 1 days);
    }

    function _set(uint256 firstKey, uint256 count) private pure returns (address[] memory set) {
        set = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            set[i] = vm.addr(firstKey + i);
        }
    }

    function _digest(uint8 tag, bytes memory data) private pure returns (bytes32) {
        return sha256(abi.encodePacked(tag, sha256(data)));
    }

    function _sign(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _list(bytes32 digest, uint256 count) private pure returns (bytes[] memory signatures) {
        signatures = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            signatures[i] = _sign(1 + i, digest);
        }
    }

    function _joined(bytes[] memory signatures) private pure returns (bytes memory all) {
        for (uint256 i = 0; i < signatures.length; ++i) {
            all = bytes.concat(all, signatures[i]);
        }
    }

    function _state(uint64 height, uint64 time, uint256 count) private pure returns (bytes memory) {
        bytes memory data = abi.encode(height, time);
        return abi.encode(AttestationClient.AttestationProof(data, _list(_digest(1, data), count)));
    }

    function _pairs() private pure returns (AttestationClient.Pair[] memory pairs) {
        pairs = new AttestationClient.Pair[](2);
        pairs[0] = AttestationClient.Pair(keccak256("present"), bytes32(uint256(7)));
        pairs[1] = AttestationClient.Pair(keccak256("absent"), 0);
    }

    function _data(uint64 height) private pure returns (bytes memory) {
        return abi.encode(AttestationClient.PacketAttestation(height, _pairs()));
    }

    function _flat() private pure returns (bytes memory) {
        AttestationClient.Pair[] memory p = _pairs();
        return abi.encodePacked(p[0].path, p[0].commitment, p[1].path, p[1].commitment);
    }

    function _standard(uint64 height) private pure returns (bytes memory) {
        bytes memory data = _data(height);
        return abi.encode(AttestationClient.AttestationProof(data, _list(_digest(2, data), M)));
    }

    function _path(bytes memory path) private pure returns (bytes[] memory paths) {
        paths = new bytes[](1);
        paths[0] = path;
    }

    function test_an_update_adds_a_height_once() public {
        assertEq(uint256(client.updateClient(_state(20, 2000, M))), uint256(UpdateResult.Update), "first");
        assertEq(client.getConsensusTimestamp(20), 2000, "time");
        assertEq(uint256(client.updateClient(_state(20, 2000, M))), uint256(UpdateResult.NoOp), "again");
        client.updateClient(_state(15, 2500, M));
        (,, uint64 latest,) = _clientState();
        assertEq(latest, 20, "latest height");
    }

    function test_two_times_for_one_height_freeze_for_good() public {
        assertEq(uint256(client.updateClient(_state(10, 1001, M))), uint256(UpdateResult.Misbehaviour), "result");
        (,,, bool frozen) = _clientState();
        assertTrue(frozen, "frozen");
        bytes memory update = _state(30, 3000, M);
        MsgVerifyMembership memory membership = _membership("present", abi.encode(7));
        MsgVerifyNonMembership memory absence = _absence("absent");
        vm.expectRevert(AttestationClient.ClientFrozen.selector);
        client.updateClient(update);
        bytes memory proof = _joined(_list(_digest(2, _data(10)), M));
        vm.expectRevert(AttestationClient.ClientFrozen.selector);
        client.verifyPairs(10, _flat(), proof);
        vm.expectRevert(AttestationClient.ClientFrozen.selector);
        client.verifyMembership(membership);
        vm.expectRevert(AttestationClient.ClientFrozen.selector);
        client.verifyNonMembership(absence);
        vm.expectRevert(AttestationClient.ClientFrozen.selector);
        client.proposeRotation(_set(50, 3), 2, "");
        vm.expectRevert(AttestationClient.ClientFrozen.selector);
        client.executeRotation(_set(50, 3), 2);
    }

    function test_a_state_needs_both_numbers_and_the_exact_length() public {
        bytes memory update = _state(0, 5, M);
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.InvalidState.selector, 0, 5));
        client.updateClient(update);
        update = _state(5, 0, M);
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.InvalidState.selector, 5, 0));
        client.updateClient(update);
        bytes memory data = abi.encode(uint64(5), uint64(5), uint64(0));
        update = abi.encode(AttestationClient.AttestationProof(data, _list(_digest(1, data), M)));
        vm.expectRevert(AttestationClient.MalformedProof.selector);
        client.updateClient(update);
    }

    function test_the_list_and_the_standard_form_accept_the_same_signatures() public view {
        bytes memory proof = _joined(_list(_digest(2, _data(10)), M));
        assertEq(client.verifyPairs(10, _flat(), proof), 1000, "list");
        assertEq(client.verifyMembership(_membership("present", abi.encode(7))), 1000, "member");
        assertEq(client.verifyNonMembership(_absence("absent")), 1000, "absence");
    }

    function test_what_is_not_in_the_list_is_not_proven() public {
        bytes4 notProven = AttestationClient.NotProven.selector;
        _refuseMember("present", abi.encode(8), abi.encodeWithSelector(notProven, keccak256("present")));
        _refuseMember("other", abi.encode(7), abi.encodeWithSelector(notProven, keccak256("other")));
        _refuseMember("absent", abi.encode(0), abi.encodePacked(AttestationClient.InvalidValue.selector));
        _refuseMember("present", "", abi.encodePacked(AttestationClient.InvalidValue.selector));
        _refuseAbsence("present");
        _refuseAbsence("other");
        MsgVerifyMembership memory message = _membership("present", abi.encode(7));
        message.path = new bytes[](2);
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.InvalidPath.selector, 2));
        client.verifyMembership(message);
    }

    function _refuseMember(bytes memory path, bytes memory value, bytes memory reason) private {
        MsgVerifyMembership memory message = _membership(path, value);
        vm.expectRevert(reason);
        client.verifyMembership(message);
    }

    function _refuseAbsence(bytes memory path) private {
        MsgVerifyNonMembership memory message = _absence(path);
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.NotProven.selector, keccak256(path)));
        client.verifyNonMembership(message);
    }

    function test_heights_must_be_known_and_match() public {
        bytes memory proof = _joined(_list(_digest(2, _data(11)), M));
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.UnknownHeight.selector, 11));
        client.verifyPairs(11, _flat(), proof);
        vm.expectPartialRevert(AttestationClient.UnknownSigner.selector);
        client.verifyPairs(10, _flat(), proof);
        MsgVerifyMembership memory message = _membership("present", abi.encode(7));
        message.proof = _standard(11);
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.HeightMismatch.selector, 10, 11));
        client.verifyMembership(message);
        message = _membership("present", abi.encode(7));
        message.proofHeight.revisionNumber = 1;
        vm.expectPartialRevert(AttestationClient.HeightMismatch.selector);
        client.verifyMembership(message);
    }

    function test_empty_and_torn_lists_are_refused() public {
        bytes memory proof = _joined(_list(_digest(2, _data(10)), M));
        vm.expectRevert(AttestationClient.MalformedProof.selector);
        client.verifyPairs(10, "", proof);
        vm.expectRevert(AttestationClient.MalformedProof.selector);
        client.verifyPairs(10, new bytes(63), proof);
        vm.expectRevert(AttestationClient.MalformedProof.selector);
        client.verifyPairs(10, _flat(), bytes.concat(proof, hex"00"));
    }

    /// covers CON-06
    function test_signatures_are_counted_strictly() public {
        bytes32 digest = _digest(2, _data(10));
        bytes memory proof;
        proof = _joined(_list(digest, M - 1));
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.NotEnoughSignatures.selector, M, M - 1));
        client.verifyPairs(10, _flat(), proof);
        bytes[] memory list = _list(digest, M);
        list[2] = list[0];
        proof = _joined(list);
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.DuplicateSigner.selector, vm.addr(1)));
        client.verifyPairs(10, _flat(), proof);
        list = _list(digest, M + 1);
        list[3] = _sign(99, digest);
        proof = _joined(list);
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.UnknownSigner.selector, vm.addr(99)));
        client.verifyPairs(10, _flat(), proof);
        assertEq(client.verifyPairs(10, _flat(), _joined(_list(digest, N))), 1000, "more than the threshold");
    }

    /// covers CON-06
    function test_malleable_and_broken_signatures_are_refused() public {
        bytes32 digest = _digest(2, _data(10));
        bytes memory proof;
        bytes memory update;
        bytes[] memory list = _list(digest, M);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(1, digest);
        list[0] = abi.encodePacked(r, ORDER - uint256(s), v == 27 ? uint8(28) : uint8(27));
        proof = _joined(list);
        vm.expectPartialRevert(ECDSA.ECDSAInvalidSignatureS.selector);
        client.verifyPairs(10, _flat(), proof);
        list[0] = abi.encodePacked(r, s, v + 2);
        proof = _joined(list);
        vm.expectRevert(ECDSA.ECDSAInvalidSignature.selector);
        client.verifyPairs(10, _flat(), proof);
        list[0] = new bytes(65);
        proof = _joined(list);
        vm.expectRevert(ECDSA.ECDSAInvalidSignature.selector);
        client.verifyPairs(10, _flat(), proof);
        list[0] = abi.encodePacked(r, s, v - 27); // 0 and 1 are the other usual spelling
        assertEq(client.verifyPairs(10, _flat(), _joined(list)), 1000, "v of 0 or 1");
        bytes memory data = abi.encode(uint64(20), uint64(2000));
        list = _list(_digest(1, data), M);
        list[1] = _slice64(list[1]);
        update = abi.encode(AttestationClient.AttestationProof(data, list));
        vm.expectRevert(AttestationClient.MalformedProof.selector);
        client.updateClient(update);
    }

    /// covers CON-15
    function test_a_signature_for_one_domain_is_refused_in_another() public {
        bytes memory data = abi.encode(uint64(20), uint64(2000));
        bytes memory update;
        bytes[] memory list = _list(_digest(2, data), M);
        update = abi.encode(AttestationClient.AttestationProof(data, list));
        vm.expectPartialRevert(AttestationClient.UnknownSigner.selector);
        client.updateClient(update);
        list = _list(sha256(data), M);
        update = abi.encode(AttestationClient.AttestationProof(data, list));
        vm.expectPartialRevert(AttestationClient.UnknownSigner.selector);
        client.updateClient(update);
        bytes memory proof = _joined(_list(_digest(1, _data(10)), M));
        vm.expectPartialRevert(AttestationClient.UnknownSigner.selector);
        client.verifyPairs(10, _flat(), proof);
    }

    /// covers CON-03
    function test_bad_sets_are_refused() public {
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.InvalidThreshold.selector, 0, 1));
        new AttestationClient(_set(1, 0), 1, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.InvalidThreshold.selector, 3, 0));
        new AttestationClient(_set(1, 3), 0, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.InvalidThreshold.selector, 3, 4));
        new AttestationClient(_set(1, 3), 4, 0, 0, 0);
        address[] memory set = _set(1, 3);
        set[2] = set[0];
        vm.expectRevert(AttestationClient.InvalidAttestors.selector);
        new AttestationClient(set, 2, 0, 0, 0);
        set[2] = address(0);
        vm.expectRevert(AttestationClient.InvalidAttestors.selector);
        new AttestationClient(set, 2, 0, 0, 0);
        set = _set(1, 65);
        vm.expectRevert(AttestationClient.InvalidAttestors.selector);
        new AttestationClient(set, 2, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.InvalidInitialState.selector, 1, 0));
        new AttestationClient(_set(1, 3), 2, 1, 0, 0);
    }

    function test_a_set_rotates_after_the_delay() public {
        address[] memory next = _set(50, 3);
        bytes memory proposal = _proposal(next, 2);
        client.proposeRotation(next, 2, proposal);
        vm.expectPartialRevert(AttestationClient.RotationNotReady.selector);
        client.executeRotation(next, 2);
        client.updateClient(_state(20, 2000, M)); // the old set still rules
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert(AttestationClient.NoSuchRotation.selector);
        client.executeRotation(next, 1);
        client.executeRotation(next, 2);
        bytes memory update = _state(30, 3000, M);
        vm.expectRevert(abi.encodeWithSelector(AttestationClient.UnknownSigner.selector, vm.addr(1)));
        client.updateClient(update);
        bytes memory data = abi.encode(uint64(30), uint64(3000));
        bytes[] memory list = new bytes[](2);
        (list[0], list[1]) = (_sign(50, _digest(1, data)), _sign(52, _digest(1, data)));
        client.updateClient(abi.encode(AttestationClient.AttestationProof(data, list)));
        vm.expectRevert(AttestationClient.NoSuchRotation.selector);
        client.executeRotation(next, 2);
    }

    function test_a_rotation_proposal_serves_once_and_can_be_replaced() public {
        address[] memory wrong = _set(50, 3);
        address[] memory right = _set(60, 3);
        bytes memory first = _proposal(wrong, 2);
        client.proposeRotation(wrong, 2, first);
        client.proposeRotation(right, 2, _proposal(right, 2));
        vm.expectPartialRevert(AttestationClient.UnknownSigner.selector);
        client.proposeRotation(wrong, 2, first);
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert(AttestationClient.NoSuchRotation.selector);
        client.executeRotation(wrong, 2);
        client.executeRotation(right, 2);
    }

    function testFuzz_every_changed_byte_of_a_proof_is_refused(uint256 position, uint8 change) public {
        bytes memory proof = _joined(_list(_digest(2, _data(10)), M));
        vm.assume(change != 0);
        position = bound(position, 0, proof.length - 1);
        uint8 before = uint8(proof[position]);
        // 27 and 0, 28 and 1 are two spellings of one recovery id
        vm.assume(position % 65 != 64 || (before ^ change != before - 27));
        proof[position] = bytes1(before ^ change);
        vm.expectRevert();
        client.verifyPairs(10, _flat(), proof);
    }

    function testFuzz_every_changed_byte_of_a_list_is_refused(uint256 position, uint8 change) public {
        bytes memory proof = _joined(_list(_digest(2, _data(10)), M));
        bytes memory pairs = _flat();
        vm.assume(change != 0);
        position = bound(position, 0, pairs.length - 1);
        pairs[position] ^= bytes1(change);
        vm.expectRevert();
        client.verifyPairs(10, pairs, proof);
    }

    function _proposal(address[] memory next, uint8 threshold) private view returns (bytes memory) {
        bytes memory data = abi.encode(block.chainid, address(client), client.rotationNonce(), next, threshold);
        return _joined(_list(_digest(3, data), M));
    }

    function _membership(bytes memory path, bytes memory value) private pure returns (MsgVerifyMembership memory) {
        return MsgVerifyMembership(_standard(10), Height(0, 10), _path(path), value);
    }

    function _absence(bytes memory path) private pure returns (MsgVerifyNonMembership memory) {
        return MsgVerifyNonMembership(_standard(10), Height(0, 10), _path(path));
    }

    function _clientState() private view returns (address[] memory, uint8, uint64, bool) {
        AttestationClient.ClientState memory state = abi.decode(client.getClientState(), (AttestationClient.ClientState));
        return (state.attestorAddresses, state.minRequiredSigs, state.latestHeight, state.isFrozen);
    }

    function _slice64(bytes memory signature) private pure returns (bytes memory part) {
        part = new bytes(64);
        for (uint256 i = 0; i < 64; ++i) {
            part[i] = signature[i];
        }
    }
}
