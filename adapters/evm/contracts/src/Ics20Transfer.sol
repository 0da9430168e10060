// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {IERC20, SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {RateLimiter} from "@openzeppelin/contracts/utils/RateLimiter.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IIbcApp, PacketCall} from "./IIbcApp.sol";
import {Ics20Voucher} from "./Ics20Voucher.sol";
import {Ics24} from "./Ics24.sol";
import {FungibleTokenPacketData, IIcs20Transfer, SendTransferMsg} from "./IIcs20Transfer.sol";
import {IRouter, Payload, SendRequest} from "./IRouter.sol";

/// @title ICS-20 version 1 over IBC v2.
/// @notice Tokens are locked here and counted for each client, so that one client can never bring back what another one holds.
/// Every movement in is measured by the balance; whatever cannot be done reverts, gets the error acknowledgement,
/// and is refunded where it came from.
contract Ics20Transfer is
    IIcs20Transfer,
    IIbcApp,
    Initializable,
    AccessManaged,
    UUPSUpgradeable,
    ReentrancyGuardTransient
{
    using RateLimiter for RateLimiter.RefillingBucket;
    using SafeERC20 for IERC20;

    string public constant PORT = "transfer";
    string public constant VERSION = "ics20-1";
    string public constant ENCODING = "application/x-solidity-abi";
    bytes private constant SUCCESS = '{"result":"AQ=="}';
    uint256 private constant MAX_DENOM = 256;
    uint256 private constant MAX_RECEIVER = 2048;
    uint256 private constant MAX_MEMO = 32 * 1024;

    /// @custom:storage-location erc7201:isthmus.ics20
    struct Store {
        IRouter router;
        address voucherImplementation;
        mapping(bytes32 clientKey => mapping(address token => uint256)) escrowed;
        mapping(address token => bool) isVoucher;
        mapping(address token => RateLimiter.RefillingBucket) limits;
    }

    /// keccak256(abi.encode(uint256(keccak256("isthmus.ics20")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORE_SLOT = 0xccd238faa914c7f727e4ce485b709956ea0038e99dfd1ae7c84fcecf97ba6100;

    /// The one route that this application serves.
    bytes32 private immutable ROUTE = Ics24.routeId(PORT, PORT, VERSION, ENCODING);

    /// @dev The implementation behind the proxy obeys nobody and cannot be initialized.
    constructor() AccessManaged(address(0)) {
        _disableInitializers();
    }

    modifier onlyRouter() {
        require(msg.sender == address(_store().router), OnlyRouter(msg.sender));
        _;
    }

    /// @param authority_ The AccessManager.
    function initialize(address authority_, IRouter router_) external initializer {
        _setAuthority(authority_);
        _store().router = router_;
        _store().voucherImplementation = address(new Ics20Voucher());
    }

    /// @inheritdoc IIcs20Transfer
    function sendTransfer(SendTransferMsg calldata message) external nonReentrant returns (uint64 sequence) {
        require(message.amount != 0, ZeroAmount());
        require(message.token.code.length != 0, NotAToken(message.token));
        _checkText(message.receiver, MAX_RECEIVER);
        _checkText(message.memo, MAX_MEMO);
        _pull(message.token, message.amount);
        string memory denom = _denomOf(message.token);
        _lock(message.sourceClient, message.token, denom, message.amount);
        FungibleTokenPacketData memory data = FungibleTokenPacketData(
            denom, Strings.toHexString(msg.sender), message.receiver, message.amount, message.memo
        );
        sequence = _store().router.sendPacket(
            SendRequest(
                message.sourceClient,
                message.timeoutTimestamp,
                Payload(PORT, PORT, VERSION, ENCODING, abi.encode(data))
            )
        );
        emit TransferSent(message.sourceClient, sequence, message.token, msg.sender, message.receiver, message.amount);
    }

    /// @inheritdoc IIbcApp
    function onRecvPacket(PacketCall calldata packet) external onlyRouter returns (bytes memory) {
        require(packet.route == ROUTE, WrongRoute());
        FungibleTokenPacketData memory data = abi.decode(packet.value, (FungibleTokenPacketData));
        require(data.amount != 0, ZeroAmount());
        address receiver = _parseReceiver(data.receiver);
        bytes memory prefix = bytes(_prefix(packet.sourceClient));
        address token;
        if (_startsWith(bytes(data.denom), prefix)) {
            string memory denom = string(Bytes.slice(bytes(data.denom), prefix.length));
            token = _unlock(packet.destClient, denom, receiver, data.amount);
        } else {
            token = _mint(string.concat(_prefix(packet.destClient), data.denom), receiver, data.amount);
        }
        _consume(token, data.amount);
        emit TransferReceived(packet.destClient, packet.sequence, token, data.sender, receiver, data.amount);
        return SUCCESS;
    }

    /// @inheritdoc IIbcApp
    function onAcknowledgementPacket(PacketCall calldata packet) external onlyRouter {
        if (keccak256(packet.ack) == keccak256(SUCCESS)) return;
        require(packet.ack.length == 32 && bytes32(packet.ack) == Ics24.ERROR_ACK, UnexpectedAcknowledgement());
        _refund(packet);
    }

    /// @inheritdoc IIbcApp
    function onTimeoutPacket(PacketCall calldata packet) external onlyRouter {
        _refund(packet);
    }

    /// @inheritdoc IIcs20Transfer
    function setRateLimit(address token, uint208 capacity, uint48 window) external restricted {
        RateLimiter.RefillingBucket storage limit = _store().limits[token];
        limit.sync(0);
        limit.updateSettings(window, capacity);
        emit RateLimitSet(token, capacity, window);
    }

    /// @inheritdoc IIcs20Transfer
    function rateLimit(address token) external view returns (uint256, uint256, uint256) {
        RateLimiter.RefillingBucket storage limit = _store().limits[token];
        return (limit._capacity, limit._window, limit.available(0));
    }

    /// @inheritdoc IIcs20Transfer
    function escrowed(string calldata clientId, address token) external view returns (uint256) {
        return _store().escrowed[keccak256(bytes(clientId))][token];
    }

    /// @inheritdoc IIcs20Transfer
    function voucherOf(string calldata denom) external view returns (address, bool) {
        address voucher = _voucherAddress(denom);
        return (voucher, _store().isVoucher[voucher]);
    }

    /// @inheritdoc IIcs20Transfer
    function denomOf(address token) external view returns (string memory) {
        return _store().isVoucher[token] ? Ics20Voucher(token).name() : "";
    }

    /// @notice The router that this application obeys.
    function router() external view returns (IRouter) {
        return _store().router;
    }

    function _authorizeUpgrade(address) internal override restricted {}

    /// Takes the tokens and measures that exactly the amount came.
    function _pull(address token, uint256 amount) private {
        uint256 expected = IERC20(token).balanceOf(address(this)) + amount;
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 actual = IERC20(token).balanceOf(address(this));
        require(actual == expected, UnexpectedBalance(token, expected, actual));
    }

    /// On the way out: a voucher of this client goes home and is burned, anything else is locked for the client.
    function _lock(string calldata clientId, address token, string memory denom, uint256 amount) private {
        if (_startsWith(bytes(denom), bytes(_prefix(clientId)))) {
            Ics20Voucher(token).burn(amount);
        } else {
            _store().escrowed[keccak256(bytes(clientId))][token] += amount;
        }
    }

    /// On the way home: pays out what is locked for this client, and no more.
    function _unlock(string calldata clientId, string memory denom, address receiver, uint256 amount)
        private
        returns (address token)
    {
        token = _tokenOf(denom);
        mapping(address => uint256) storage locked = _store().escrowed[keccak256(bytes(clientId))];
        uint256 available = locked[token];
        require(available >= amount, NotEnoughEscrow(clientId, token, available, amount));
        locked[token] = available - amount;
        IERC20(token).safeTransfer(receiver, amount);
    }

    function _mint(string memory denom, address receiver, uint256 amount) private returns (address voucher) {
        require(bytes(denom).length <= MAX_DENOM, TextTooLong(MAX_DENOM, bytes(denom).length));
        voucher = _voucherAddress(denom);
        if (!_store().isVoucher[voucher]) {
            Clones.cloneDeterministic(_store().voucherImplementation, keccak256(bytes(denom)));
            Ics20Voucher(voucher).initialize(denom);
            _store().isVoucher[voucher] = true;
            emit VoucherCreated(voucher, denom);
        }
        Ics20Voucher(voucher).mint(receiver, amount);
    }

    /// Undoes `sendTransfer`: no limit applies, for the tokens only go back.
    function _refund(PacketCall calldata packet) private {
        FungibleTokenPacketData memory data = abi.decode(packet.value, (FungibleTokenPacketData));
        address sender = Strings.parseAddress(data.sender);
        address token;
        if (_startsWith(bytes(data.denom), bytes(_prefix(packet.sourceClient)))) {
            token = _mint(data.denom, sender, data.amount);
        } else {
            token = _unlock(packet.sourceClient, data.denom, sender, data.amount);
        }
        emit TransferRefunded(packet.sourceClient, packet.sequence, token, sender, data.amount);
    }

    function _consume(address token, uint256 amount) private {
        RateLimiter.RefillingBucket storage limit = _store().limits[token];
        if (limit._capacity == 0 && limit._window == 0) return;
        require(limit.tryConsume(0, amount), RateLimited(token, limit.available(0), amount));
    }

    function _denomOf(address token) private view returns (string memory) {
        return _store().isVoucher[token] ? Ics20Voucher(token).name() : Strings.toHexString(token);
    }

    /// The token behind a denom as this chain writes it: a lower-case address, or the trace of a voucher.
    function _tokenOf(string memory denom) private view returns (address token) {
        bool isAddress;
        (isAddress, token) = Strings.tryParseAddress(denom);
        if (isAddress) {
            require(Strings.equal(Strings.toHexString(token), denom), UnknownDenom(denom));
        } else {
            token = _voucherAddress(denom);
            require(_store().isVoucher[token], UnknownDenom(denom));
        }
    }

    function _voucherAddress(string memory denom) private view returns (address) {
        return Clones.predictDeterministicAddress(_store().voucherImplementation, keccak256(bytes(denom)));
    }

    function _parseReceiver(string memory text) private view returns (address receiver) {
        bool valid;
        (valid, receiver) = Strings.tryParseAddress(text);
        require(valid && receiver != address(0) && receiver != address(this), InvalidAddress(text));
    }

    function _checkText(string calldata text, uint256 maximum) private pure {
        require(bytes(text).length <= maximum, TextTooLong(maximum, bytes(text).length));
    }

    function _prefix(string memory clientId) private pure returns (string memory) {
        return string.concat(PORT, "/", clientId, "/");
    }

    function _startsWith(bytes memory text, bytes memory prefix) private pure returns (bool) {
        return text.length > prefix.length && keccak256(Bytes.slice(text, 0, prefix.length)) == keccak256(prefix);
    }

    function _store() private pure returns (Store storage store) {
        assembly ("memory-safe") {
            store.slot := STORE_SLOT
        }
    }
}
