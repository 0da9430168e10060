// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC7786GatewaySource, IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";
import {IErc7786Gateway, StoredMessage} from "./IErc7786Gateway.sol";
import {IIbcApp, PacketCall} from "./IIbcApp.sol";
import {Ics24} from "./Ics24.sol";
import {CallData, Ics27} from "./Ics27.sol";
import {IRouter, Payload, SendRequest} from "./IRouter.sol";

/// @title ERC-7786 messages as IBC v2 packets.
/// @notice The chain of a sender is the chain that is linked to the client over which the packet came; a message cannot claim
/// another one. A recipient gets a fixed share of gas; when it fails, the message is stored and anyone may retry it.
/// It holds no tokens and has no rights anywhere, so a message that names any contract as recipient reaches nothing
/// but that contract's `receiveMessage`. A chain that is not ours to extend is spoken to in its own protocol: messages
/// from and to Cosmos chains are ICS-27 calls.
contract Erc7786Gateway is IErc7786Gateway, IIbcApp, AccessManaged {
    string private constant PORT = "erc7786";
    string private constant VERSION = "1";
    string private constant ENCODING = "application/x-isthmus-erc7786";

    uint256 private constant MAX_PAYLOAD = 16 * 1024;
    /// Gas of a recipient when the message asks for none, and the most that it can ask for.
    uint64 private constant DEFAULT_GAS = 200_000;
    uint64 private constant MAX_GAS = 1_000_000;
    /// What storing the largest message costs.
    uint256 private constant STORE_GAS = 300_000;
    /// Time to the timeout of a message without `deliverBefore`.
    uint64 private constant DEFAULT_TIMEOUT = 1 days;

    bytes4 private constant MIN_GAS_LIMIT = bytes4(keccak256("minGasLimit(uint256)"));
    bytes4 private constant DELIVER_BEFORE = bytes4(keccak256("deliverBefore(uint256)"));
    bytes2 private constant EIP155 = 0x0000;
    bytes1 private constant FORMAT = 0x01;
    /// Format, gas limit, deliverBefore and the length of the sender.
    uint256 private constant HEAD = 1 + 8 + 8 + 1;
    bytes private constant DELIVERED = hex"01";
    bytes private constant STORED = hex"02";
    /// The two routes that this application serves: messages, and calls from and to Cosmos chains.
    bytes32 private immutable ROUTE = Ics24.routeId(PORT, PORT, VERSION, ENCODING);
    bytes32 private immutable CALL_ROUTE = Ics24.routeId(Ics27.PORT, Ics27.PORT, Ics27.VERSION, Ics27.ENCODING);

    IRouter public immutable router;
    mapping(bytes32 chainKey => string clientId) private _clientOf;
    /// ERC-7930 chain without the last byte, the length of an address that is not there.
    mapping(bytes32 clientKey => bytes chain) private _chainOf;
    /// @inheritdoc IErc7786Gateway
    mapping(bytes32 receiveId => bytes32) public stored;
    /// @inheritdoc IErc7786Gateway
    mapping(bytes32 messageId => bytes32) public undelivered;

    constructor(address authority_, IRouter router_) AccessManaged(authority_) {
        router = router_;
    }

    modifier onlyRouter() {
        require(msg.sender == address(router), OnlyRouter(msg.sender));
        _;
    }

    /// @inheritdoc IErc7786Gateway
    function linkChain(bytes calldata chain, string calldata clientId) external restricted {
        (bytes2 chainType, bytes memory chainReference, bytes memory addr) = InteroperableAddress.parseV1(chain);
        bytes memory canonical = InteroperableAddress.formatV1(chainType, chainReference, "");
        require(addr.length == 0 && keccak256(canonical) == keccak256(chain), NonCanonicalAddress(chain));
        router.clientInfo(clientId); // reverts when there is none
        bytes memory known = _chainOf[keccak256(bytes(clientId))];
        bytes calldata stem = chain[:chain.length - 1];
        require(known.length == 0 || keccak256(known) == keccak256(stem), ClientAlreadyLinked(clientId));
        _clientOf[keccak256(chain)] = clientId;
        _chainOf[keccak256(bytes(clientId))] = stem;
        emit ChainLinked(chain, clientId);
    }

    /// @inheritdoc IERC7786GatewaySource
    function supportsAttribute(bytes4 selector) external pure returns (bool) {
        return selector == MIN_GAS_LIMIT || selector == DELIVER_BEFORE;
    }

    /// @inheritdoc IERC7786GatewaySource
    /// @return sendId Always zero: the message is on its way and needs nothing more.
    function sendMessage(bytes calldata recipient, bytes calldata payload, bytes[] calldata attributes)
        external
        payable
        returns (bytes32 sendId)
    {
        require(msg.value == 0, ValueNotSupported(msg.value));
        require(payload.length <= MAX_PAYLOAD, PayloadTooLarge(MAX_PAYLOAD, payload.length));
        (string memory clientId, bytes memory addr) = _destination(recipient);
        (uint64 gasLimit, uint64 deliverBefore) = _attributes(attributes);
        emit MessageSent(
            sendId, InteroperableAddress.formatEvmV1(block.chainid, msg.sender), recipient, payload, 0, attributes
        );
        if (Ics27.isCosmos(recipient)) {
            require(gasLimit == 0, UnsupportedAttribute(MIN_GAS_LIMIT)); // a call there takes what it takes
            bytes memory value = Ics27.encodeCall(msg.sender, addr, payload);
            _post(clientId, deliverBefore, Payload(Ics27.PORT, Ics27.PORT, Ics27.VERSION, Ics27.ENCODING, value));
        } else {
            if (gasLimit == 0) gasLimit = DEFAULT_GAS;
            _postMessage(
                clientId,
                deliverBefore,
                abi.encodePacked(
                    FORMAT, gasLimit, deliverBefore, uint8(20), msg.sender, uint8(addr.length), addr, payload
                )
            );
        }
    }

    /// @inheritdoc IErc7786Gateway
    function resend(bytes32 messageId, string calldata clientId, bytes calldata value) external {
        bytes32 clientKey = keccak256(bytes(clientId));
        require(undelivered[messageId] == keccak256(abi.encode(clientKey, value)), NothingToResend(messageId));
        delete undelivered[messageId];
        emit MessageResent(messageId);
        _postMessage(_clientOf[keccak256(abi.encodePacked(_chainOf[clientKey], uint8(0)))], 0, value);
    }

    /// @inheritdoc IIbcApp
    function onRecvPacket(PacketCall calldata packet) external onlyRouter returns (bytes memory) {
        bytes memory chain = _chainOf[packet.clientKey];
        require(chain.length != 0, UnsupportedClient(packet.destClient));
        bytes32 receiveId = _messageId(packet.clientKey, packet.sequence);
        if (packet.route == CALL_ROUTE) return _execute(receiveId, chain, packet);
        require(packet.route == ROUTE, WrongRoute());
        return _receive(receiveId, chain, packet.value) ? DELIVERED : STORED;
    }

    /// @inheritdoc IIbcApp
    function onAcknowledgementPacket(PacketCall calldata packet) external onlyRouter {
        uint8 outcome = packet.route == CALL_ROUTE ? _outcomeOfCall(packet.ack) : _outcome(packet.ack);
        emit MessageSettled(_messageId(packet.clientKey, packet.sequence), outcome);
        if (outcome == 3) _keep(packet);
    }

    /// @inheritdoc IIbcApp
    function onTimeoutPacket(PacketCall calldata packet) external onlyRouter {
        emit MessageSettled(_messageId(packet.clientKey, packet.sequence), 4);
        _keep(packet);
    }

    /// @inheritdoc IErc7786Gateway
    function retry(bytes32 receiveId, StoredMessage calldata message) external {
        require(!Pausable(address(router)).paused(), Pausable.EnforcedPause());
        require(stored[receiveId] == keccak256(abi.encode(message)), NothingToRetry(receiveId));
        uint64 deadline = message.deliverBefore;
        require(deadline == 0 || block.timestamp < deadline, DeadlinePassed(deadline));
        delete stored[receiveId];
        _requireGas(message.gasLimit);
        require(
            _call(receiveId, gasleft(), message.sender, message.recipient, message.payload), RecipientFailed()
        );
        emit MessageRetried(receiveId);
    }

    /// @inheritdoc IErc7786Gateway
    function clientOf(bytes calldata chain) external view returns (string memory) {
        return _clientOf[keccak256(chain)];
    }

    /// @inheritdoc IErc7786Gateway
    function chainOf(string calldata clientId) external view returns (bytes memory) {
        bytes memory chain = _chainOf[keccak256(bytes(clientId))];
        return chain.length == 0 ? chain : abi.encodePacked(chain, uint8(0));
    }

    function _postMessage(string memory clientId, uint64 deliverBefore, bytes memory value) private {
        _post(clientId, deliverBefore, Payload(PORT, PORT, VERSION, ENCODING, value));
    }

    function _post(string memory clientId, uint64 deliverBefore, Payload memory payload) private {
        uint64 timeout = deliverBefore == 0 ? uint64(block.timestamp) + DEFAULT_TIMEOUT : deliverBefore;
        uint64 sequence = router.sendPacket(SendRequest(clientId, timeout, payload));
        emit MessagePosted(_messageId(keccak256(bytes(clientId)), sequence), clientId, sequence);
    }

    function _outcome(bytes calldata ack) private pure returns (uint8) {
        bytes32 hash = keccak256(ack);
        return hash == keccak256(DELIVERED) ? 1 : hash == keccak256(STORED) ? 2 : 3;
    }

    /// The other chain carried the call out, or nothing of it.
    function _outcomeOfCall(bytes calldata ack) private pure returns (uint8) {
        return ack.length == 32 && bytes32(ack) == Ics24.ERROR_ACK ? 3 : 1;
    }

    /// Remembers a message that had no effect, unless its own deadline is over. Not a call: what an account could not do today
    /// must not be done in its name when a stranger finds that it can.
    function _keep(PacketCall calldata packet) private {
        if (packet.route == CALL_ROUTE) return;
        if (bytes8(packet.value[9:17]) != 0) return;
        undelivered[_messageId(packet.clientKey, packet.sequence)] =
            keccak256(abi.encode(packet.clientKey, packet.value));
    }

    /// The client for the recipient's chain, and the recipient's address there. Takes one spelling only.
    function _destination(bytes calldata recipient) private view returns (string memory clientId, bytes memory addr) {
        bytes2 chainType;
        bytes memory chainReference;
        (chainType, chainReference, addr) = InteroperableAddress.parseV1(recipient);
        bytes memory canonical = InteroperableAddress.formatV1(chainType, chainReference, addr);
        require(keccak256(canonical) == keccak256(recipient), NonCanonicalAddress(recipient));
        bool valid = chainType == EIP155 ? addr.length == 20 && bytes20(addr) != 0 : addr.length != 0;
        require(valid || chainType == Ics27.CHAIN_TYPE, InvalidRecipient(recipient));
        require(chainReference.length != 0, UnsupportedChain(recipient));
        bytes memory chain = InteroperableAddress.formatV1(chainType, chainReference, "");
        clientId = _clientOf[keccak256(chain)];
        require(bytes(clientId).length != 0, UnsupportedChain(chain));
    }

    function _attributes(bytes[] calldata attributes) private pure returns (uint64 gasLimit, uint64 deliverBefore) {
        for (uint256 i = 0; i < attributes.length; ++i) {
            bytes calldata attribute = attributes[i];
            bytes4 selector = bytes4(attribute); // shorter ones are padded with zeros, which no attribute has
            require(selector == MIN_GAS_LIMIT || selector == DELIVER_BEFORE, UnsupportedAttribute(selector));
            require(attribute.length == 36, MalformedAttribute(selector));
            uint256 value = uint256(bytes32(attribute[4:]));
            require(value != 0 && value <= type(uint64).max, MalformedAttribute(selector));
            if (selector == MIN_GAS_LIMIT) {
                require(gasLimit == 0, DuplicateAttribute(selector));
                require(value <= MAX_GAS, GasLimitTooLarge(MAX_GAS, value));
                gasLimit = uint64(value);
            } else {
                require(deliverBefore == 0, DuplicateAttribute(selector));
                deliverBefore = uint64(value);
            }
        }
    }

    /// Carries out a call from a Cosmos chain. It is not stored when the recipient fails: the caller's chain is told so.
    function _execute(bytes32 receiveId, bytes memory chain, PacketCall calldata packet) private returns (bytes memory) {
        require(Ics27.isCosmos(chain), UnsupportedClient(packet.destClient));
        CallData memory data = abi.decode(packet.value, (CallData));
        bytes memory sender = bytes(data.sender);
        (bool isAddress, address recipient) = Strings.tryParseAddress(data.receiver);
        require(isAddress && sender.length != 0 && sender.length <= type(uint8).max, MalformedMessage());
        require(data.salt.length == 0, SaltNotSupported()); // another account of the sender, and ERC-7930 cannot say which
        sender = abi.encodePacked(chain, uint8(sender.length), sender);
        _requireGas(DEFAULT_GAS);
        bytes memory message = abi.encodeCall(IERC7786Recipient.receiveMessage, (receiveId, sender, data.payload));
        require(_call(DEFAULT_GAS, recipient, message), RecipientFailed());
        return Ics27.done();
    }

    /// Reads the value of a packet and hands it to the recipient. True when delivered, false when stored for a retry.
    function _receive(bytes32 receiveId, bytes memory chain, bytes calldata value) private returns (bool) {
        require(value.length >= HEAD, MalformedMessage());
        bytes32 head = bytes32(value);
        uint64 gasLimit = uint64(bytes8(head << 8));
        uint256 senderLength = uint8(head[17]);
        uint256 recipientAt = HEAD + senderLength;
        require(head[0] == FORMAT && gasLimit <= MAX_GAS, MalformedMessage());
        require(value.length >= recipientAt + 21, MalformedMessage());
        bytes32 tail = bytes32(value[recipientAt:]);
        bytes calldata payload = value[recipientAt + 21:];
        require(uint8(tail[0]) == 20 && payload.length <= MAX_PAYLOAD, MalformedMessage());

        _requireGas(uint256(gasLimit) + STORE_GAS);
        // The length byte of the address comes along.
        bytes memory sender = bytes.concat(chain, value[HEAD - 1:recipientAt]);
        address recipient = address(bytes20(tail << 8));
        if (_call(receiveId, gasLimit, sender, recipient, payload)) return true;
        StoredMessage memory message =
            StoredMessage(sender, recipient, payload, gasLimit, uint64(bytes8(head << 72)));
        stored[receiveId] = keccak256(abi.encode(message));
        emit MessageStored(receiveId, message);
        return false;
    }

    /// True when the recipient answered as ERC-7786 wants. Reads one word of the answer, never more.
    function _call(bytes32 receiveId, uint256 gasLimit, bytes memory sender, address recipient, bytes calldata payload)
        private
        returns (bool)
    {
        return _call(gasLimit, recipient, abi.encodeCall(IERC7786Recipient.receiveMessage, (receiveId, sender, payload)));
    }

    function _call(uint256 gasLimit, address recipient, bytes memory data) private returns (bool) {
        bool success;
        bytes32 answer;
        assembly ("memory-safe") {
            success := call(gasLimit, recipient, 0, add(data, 0x20), mload(data), 0x00, 0x20)
            success := and(success, gt(returndatasize(), 0x1f))
            answer := mload(0x00)
        }
        return success && bytes4(answer) == IERC7786Recipient.receiveMessage.selector;
    }

    /// That a call can be given this much gas: otherwise a caller could make a recipient fail by being stingy.
    function _requireGas(uint256 required) private view {
        uint256 available = gasleft() - gasleft() / 64;
        require(available >= required, NotEnoughGas(required, available));
    }

    function _messageId(bytes32 clientKey, uint64 sequence) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(clientKey, sequence));
    }
}
