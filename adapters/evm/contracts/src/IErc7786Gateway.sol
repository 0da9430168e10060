// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";

/// @notice A message whose recipient failed.
struct StoredMessage {
    /// ERC-7930 interoperable address.
    bytes sender;
    address recipient;
    bytes payload;
    /// A retry must bring at least this much gas.
    uint64 gasLimit;
    /// Unix seconds; 0 for none.
    uint64 deliverBefore;
}

/// @title ERC-7786 gateway on IBC v2: port "erc7786", version "1", encoding "application/x-isthmus-erc7786".
/// @notice Packet value: `0x01 || gasLimit (8 bytes) || deliverBefore (8, unix seconds, 0 = none) || length of sender (1)
/// || sender || length of recipient (1) || recipient || payload`. Sender and recipient are plain addresses in the form of their own
/// chain; which chain is said by the clients, never by the message.
/// From and to Cosmos chains a message is an ICS-27 call: port "gmpport", version "ics27-2", encoding
/// "application/x-solidity-abi". On its way out the payload is what the chain shall do (its messages), in the name of the account that
/// belongs to the sender, and the recipient may be the chain alone. On its way in it goes to `receiveMessage` of the
/// receiver, with the caller's text as the address of the sender.
interface IErc7786Gateway is IERC7786GatewaySource {
    /// @notice The packet that carries message `messageId`, which is keccak256(keccak256(client id) || sequence (8 bytes)).
    event MessagePosted(bytes32 indexed messageId, string clientId, uint64 sequence);
    /// @notice The recipient failed; the message waits here for `retry`.
    event MessageStored(bytes32 indexed receiveId, StoredMessage message);
    event MessageRetried(bytes32 indexed receiveId);
    /// @notice On the source: the message was delivered (1; a call: carried out), stored for a retry (2), failed (3) or timed out (4).
    event MessageSettled(bytes32 indexed messageId, uint8 outcome);
    /// @notice A message that had no effect was posted again, as the message of the `MessagePosted` in the same transaction.
    event MessageResent(bytes32 indexed messageId);
    event ChainLinked(bytes chain, string clientId);

    error ValueNotSupported(uint256 value);
    error UnsupportedChain(bytes chain);
    error UnsupportedClient(string clientId);
    error ClientAlreadyLinked(string clientId);
    error NonCanonicalAddress(bytes interoperableAddress);
    error InvalidRecipient(bytes recipient);
    error PayloadTooLarge(uint256 maximum, uint256 actual);
    error GasLimitTooLarge(uint256 maximum, uint256 actual);
    error DuplicateAttribute(bytes4 selector);
    error MalformedAttribute(bytes4 selector);
    error MalformedMessage();
    error SaltNotSupported();
    error WrongRoute();
    error OnlyRouter(address caller);
    error DeadlinePassed(uint256 deadline);
    error NotEnoughGas(uint256 required, uint256 available);
    error NothingToRetry(bytes32 receiveId);
    error NothingToResend(bytes32 messageId);
    error RecipientFailed();

    /// @notice Links an ERC-7930 chain (an interoperable address without address part) with a client of the router.
    function linkChain(bytes calldata chain, string calldata clientId) external;

    /// @notice Tries a stored message again, with all the gas of the call. Anyone may call it; it has one effect, and none
    /// while the router is paused.
    function retry(bytes32 receiveId, StoredMessage calldata message) external;

    /// @notice Posts a message again that provably had no effect (it timed out, or the other gateway failed), over the client that
    /// its chain is linked to now. Not for messages with `deliverBefore`: their sender wanted them by then or not at all; and not for
    /// calls: their sender may call again.
    /// Anyone may call it; it has one effect.
    /// @param clientId The client over which it went.
    /// @param value The packet value that it had.
    function resend(bytes32 messageId, string calldata clientId, bytes calldata value) external;

    /// @notice keccak256(abi.encode(keccak256(client id), packet value)) of a message that can be sent again; zero otherwise.
    function undelivered(bytes32 messageId) external view returns (bytes32);

    /// @notice The client for a chain; empty when not linked.
    function clientOf(bytes calldata chain) external view returns (string memory);

    /// @notice The chain behind a client; empty when not linked.
    function chainOf(string calldata clientId) external view returns (bytes memory);

    /// @notice keccak256 of the encoded `StoredMessage` that waits under this id; zero when nothing does.
    function stored(bytes32 receiveId) external view returns (bytes32);
}
