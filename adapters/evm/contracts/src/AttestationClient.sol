// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {
    Height,
    ILightClient,
    MsgVerifyMembership,
    MsgVerifyNonMembership,
    UpdateResult
} from "./ILightClient.sol";

/// @title Light client that believes m of n attestors.
/// @notice Takes the bytes of ibc-go's `attestations` client: see README.md for them. The signed bytes name neither chain nor
/// lane, so the keys of one set must never serve a second client. Unlike ibc-go's, this set can rotate.
/// @dev It knows no clock and no order of time between heights. Two times for one height freeze it for good.
contract AttestationClient is ILightClient {
    struct AttestationProof {
        bytes attestationData;
        bytes[] signatures;
    }

    struct Pair {
        bytes32 path;
        bytes32 commitment;
    }

    struct PacketAttestation {
        uint64 height;
        Pair[] packets;
    }

    struct ClientState {
        address[] attestorAddresses;
        uint8 minRequiredSigs;
        uint64 latestHeight;
        bool isFrozen;
    }

    event ConsensusStateAdded(uint64 indexed height, uint64 timestamp);
    event Frozen(uint64 indexed height, uint64 known, uint64 contradicting);
    event RotationProposed(address[] attestors, uint8 minRequiredSigs, uint256 readyAt);
    event Rotated(address[] attestors, uint8 minRequiredSigs);

    error InvalidAttestors();
    error InvalidThreshold(uint256 attestors, uint256 threshold);
    error InvalidInitialState(uint64 height, uint64 timestamp);
    error ClientFrozen();
    error InvalidState(uint256 height, uint256 timestamp);
    error MalformedProof();
    error InvalidPath(uint256 elements);
    error InvalidValue();
    error UnknownHeight(uint64 height);
    error HeightMismatch(uint64 expected, uint64 actual);
    error NotProven(bytes32 path);
    error UnknownSigner(address signer);
    error DuplicateSigner(address signer);
    error NotEnoughSignatures(uint256 required, uint256 actual);
    error RotationNotReady(uint256 readyAt);
    error NoSuchRotation();

    uint256 public constant MAX_ATTESTORS = 64;
    uint256 private constant SIGNATURE_LENGTH = 65;
    bytes1 private constant TAG_STATE = 0x01;
    bytes1 private constant TAG_PACKETS = 0x02;
    bytes1 private constant TAG_ROTATION = 0x03;

    /// @notice Seconds between a rotation's proposal and its effect.
    uint256 public immutable rotationDelay;

    ClientState private _state;
    /// One bit for each attestor of the set; zero for anyone else.
    mapping(address attestor => uint256 bit) private _bitOf;
    mapping(uint64 height => uint64 timestamp) private _timestampAt;

    /// @notice Proposals so far: part of what a rotation signs, so that no signature serves twice.
    uint256 public rotationNonce;
    bytes32 private _pendingRotation;
    uint256 private _rotationReadyAt;

    /// @param initialHeight Zero, with `initialTimestamp` zero, when nothing is known yet: the first update brings it.
    constructor(
        address[] memory attestors,
        uint8 minRequiredSigs,
        uint64 initialHeight,
        uint64 initialTimestamp,
        uint256 rotationDelay_
    ) {
        require((initialHeight == 0) == (initialTimestamp == 0), InvalidInitialState(initialHeight, initialTimestamp));
        _setAttestors(attestors, minRequiredSigs);
        _state.latestHeight = initialHeight;
        _timestampAt[initialHeight] = initialTimestamp;
        rotationDelay = rotationDelay_;
    }

    modifier notFrozen() {
        require(!_state.isFrozen, ClientFrozen());
        _;
    }

    /// @inheritdoc ILightClient
    /// @param updateMsg abi.encode of AttestationProof; its data is abi.encode(uint64 height, uint64 timestamp).
    function updateClient(bytes calldata updateMsg) external notFrozen returns (UpdateResult) {
        AttestationProof memory proof = abi.decode(updateMsg, (AttestationProof));
        require(proof.attestationData.length == 64, MalformedProof());
        _requireQuorum(_digest(TAG_STATE, proof.attestationData), _joined(proof.signatures));
        (uint64 height, uint64 timestamp) = abi.decode(proof.attestationData, (uint64, uint64));
        require(height != 0 && timestamp != 0, InvalidState(height, timestamp));

        uint64 known = _timestampAt[height];
        if (known == timestamp) return UpdateResult.NoOp;
        if (known != 0) {
            _state.isFrozen = true;
            emit Frozen(height, known, timestamp);
            return UpdateResult.Misbehaviour;
        }
        _timestampAt[height] = timestamp;
        if (height > _state.latestHeight) _state.latestHeight = height;
        emit ConsensusStateAdded(height, timestamp);
        return UpdateResult.Update;
    }

    /// @inheritdoc ILightClient
    /// @dev `message.proof` is abi.encode of AttestationProof; its data is abi.encode of PacketAttestation.
    function verifyMembership(MsgVerifyMembership calldata message) external view notFrozen returns (uint256) {
        require(message.value.length == 32 && bytes32(message.value) != 0, InvalidValue());
        (uint64 timestamp, Pair[] memory pairs) = _attested(message.proofHeight, message.proof);
        _requireEverywhere(pairs, _pathHash(message.path), bytes32(message.value));
        return timestamp;
    }

    /// @inheritdoc ILightClient
    function verifyNonMembership(MsgVerifyNonMembership calldata message) external view notFrozen returns (uint256) {
        (uint64 timestamp, Pair[] memory pairs) = _attested(message.proofHeight, message.proof);
        _requireEverywhere(pairs, _pathHash(message.path), 0);
        return timestamp;
    }

    /// @inheritdoc ILightClient
    /// @param proof Signatures of 65 bytes, r || s || v, one after the other.
    function verifyPairs(uint64 height, bytes calldata pairs, bytes calldata proof)
        external
        view
        notFrozen
        returns (uint64 timestamp)
    {
        require(pairs.length != 0 && pairs.length % 64 == 0, MalformedProof());
        timestamp = _timestamp(height);
        // abi.encode of PacketAttestation: pairs have fixed size, so their bytes stand there as they are.
        bytes memory data =
            abi.encodePacked(uint256(0x20), uint256(height), uint256(0x40), pairs.length / 64, pairs);
        _requireQuorum(_digest(TAG_PACKETS, data), proof);
    }

    /// @notice The present set names the next one, which takes over after `rotationDelay`. A later proposal replaces an
    /// earlier one.
    /// @param signatures Of the present set over sha256(0x03 || sha256(abi.encode(uint256 chain id, address of this
    /// contract, uint256 rotationNonce, address[] attestors, uint8 minRequiredSigs))), one after the other.
    function proposeRotation(address[] calldata attestors, uint8 minRequiredSigs, bytes calldata signatures)
        external
        notFrozen
    {
        bytes memory data = abi.encode(block.chainid, address(this), rotationNonce, attestors, minRequiredSigs);
        _requireQuorum(_digest(TAG_ROTATION, data), signatures);
        rotationNonce += 1;
        _pendingRotation = keccak256(abi.encode(attestors, minRequiredSigs));
        _rotationReadyAt = block.timestamp + rotationDelay;
        emit RotationProposed(attestors, minRequiredSigs, _rotationReadyAt);
    }

    /// @notice Puts the proposed set into force. Anyone may call it once the delay is over.
    function executeRotation(address[] calldata attestors, uint8 minRequiredSigs) external notFrozen {
        require(_pendingRotation == keccak256(abi.encode(attestors, minRequiredSigs)), NoSuchRotation());
        require(block.timestamp >= _rotationReadyAt, RotationNotReady(_rotationReadyAt));
        _pendingRotation = 0;
        address[] memory old = _state.attestorAddresses;
        for (uint256 i = 0; i < old.length; ++i) delete _bitOf[old[i]];
        _setAttestors(attestors, minRequiredSigs);
        emit Rotated(attestors, minRequiredSigs);
    }

    /// @inheritdoc ILightClient
    function getClientState() external view returns (bytes memory) {
        return abi.encode(_state);
    }

    function getAttestationSet() external view returns (address[] memory attestors, uint8 minRequiredSigs) {
        return (_state.attestorAddresses, _state.minRequiredSigs);
    }

    /// @return Consensus time at `height` in unix seconds; zero when unknown.
    function getConsensusTimestamp(uint64 height) external view returns (uint64) {
        return _timestampAt[height];
    }

    function _setAttestors(address[] memory attestors, uint8 minRequiredSigs) private {
        require(attestors.length <= MAX_ATTESTORS, InvalidAttestors());
        require(
            minRequiredSigs != 0 && minRequiredSigs <= attestors.length,
            InvalidThreshold(attestors.length, minRequiredSigs)
        );
        for (uint256 i = 0; i < attestors.length; ++i) {
            require(attestors[i] != address(0) && _bitOf[attestors[i]] == 0, InvalidAttestors());
            _bitOf[attestors[i]] = 1 << i;
        }
        _state.attestorAddresses = attestors;
        _state.minRequiredSigs = minRequiredSigs;
    }

    function _timestamp(uint64 height) private view returns (uint64 timestamp) {
        timestamp = _timestampAt[height];
        require(timestamp != 0, UnknownHeight(height));
    }

    function _pathHash(bytes[] calldata path) private pure returns (bytes32) {
        require(path.length == 1, InvalidPath(path.length));
        return keccak256(path[0]);
    }

    /// Checks a whole standard proof and returns what it attests.
    function _attested(Height calldata height, bytes calldata untrustedProof)
        private
        view
        returns (uint64 timestamp, Pair[] memory pairs)
    {
        timestamp = _timestamp(height.revisionHeight);
        AttestationProof memory proof = abi.decode(untrustedProof, (AttestationProof));
        _requireQuorum(_digest(TAG_PACKETS, proof.attestationData), _joined(proof.signatures));
        PacketAttestation memory attestation = abi.decode(proof.attestationData, (PacketAttestation));
        require(
            height.revisionNumber == 0 && attestation.height == height.revisionHeight,
            HeightMismatch(height.revisionHeight, attestation.height)
        );
        return (timestamp, attestation.packets);
    }

    /// The path is among the pairs, and wherever it is, it has this commitment.
    function _requireEverywhere(Pair[] memory pairs, bytes32 path, bytes32 commitment) private pure {
        bool found = false;
        for (uint256 i = 0; i < pairs.length; ++i) {
            if (pairs[i].path != path) continue;
            require(pairs[i].commitment == commitment, NotProven(path));
            found = true;
        }
        require(found, NotProven(path));
    }

    function _digest(bytes1 tag, bytes memory data) private pure returns (bytes32) {
        return sha256(abi.encodePacked(tag, sha256(data)));
    }

    function _joined(bytes[] memory signatures) private pure returns (bytes memory joined) {
        for (uint256 i = 0; i < signatures.length; ++i) {
            require(signatures[i].length == SIGNATURE_LENGTH, MalformedProof());
            joined = bytes.concat(joined, signatures[i]);
        }
    }

    /// At least the threshold, every one valid, in the set and distinct.
    function _requireQuorum(bytes32 digest, bytes memory signatures) private view {
        uint256 count = signatures.length / SIGNATURE_LENGTH;
        require(count * SIGNATURE_LENGTH == signatures.length, MalformedProof());
        uint256 required = _state.minRequiredSigs;
        require(count >= required, NotEnoughSignatures(required, count));
        uint256 seen = 0;
        for (uint256 i = 0; i < count; ++i) {
            address signer = _recover(digest, signatures, i * SIGNATURE_LENGTH);
            uint256 bit = _bitOf[signer];
            require(bit != 0, UnknownSigner(signer));
            require(seen & bit == 0, DuplicateSigner(signer));
            seen |= bit;
        }
    }

    /// ECDSA.recover refuses a high s, a v other than 27 and 28, and the zero address.
    function _recover(bytes32 digest, bytes memory signatures, uint256 offset) private pure returns (address) {
        bytes32 r;
        bytes32 s;
        uint8 v;
        assembly ("memory-safe") {
            let start := add(add(signatures, 0x20), offset)
            r := mload(start)
            s := mload(add(start, 0x20))
            v := byte(0, mload(add(start, 0x40)))
        }
        return ECDSA.recover(digest, v < 27 ? v + 27 : v, r, s);
    }
}
