// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @notice ICS-20 v1 packet data in the encoding "application/x-solidity-abi".
struct FungibleTokenPacketData {
    string denom;
    string sender;
    string receiver;
    uint256 amount;
    string memo;
}

struct SendTransferMsg {
    address token;
    uint256 amount;
    string receiver;
    string sourceClient;
    uint64 timeoutTimestamp;
    string memo;
}

/// @title ICS-20 token transfer on IBC v2: port "transfer", version "ics20-1".
/// @notice A token that is at home here is locked and leaves as its lower-case hex address; a token that comes from
/// elsewhere appears as an ERC-20 voucher of its own.
interface IIcs20Transfer {
    event TransferSent(
        string indexed clientId, uint64 indexed sequence, address indexed token, address sender, string receiver, uint256 amount
    );
    event TransferReceived(
        string indexed clientId, uint64 indexed sequence, address indexed token, string sender, address receiver, uint256 amount
    );
    event TransferRefunded(
        string indexed clientId, uint64 indexed sequence, address indexed token, address sender, uint256 amount
    );
    event VoucherCreated(address indexed voucher, string denom);
    event RateLimitSet(address indexed token, uint208 capacity, uint48 window);

    error OnlyRouter(address caller);
    error WrongRoute();
    error ZeroAmount();
    error InvalidAddress(string text);
    error NotAToken(address token);
    error UnexpectedBalance(address token, uint256 expected, uint256 actual);
    error NotEnoughEscrow(string clientId, address token, uint256 escrowed, uint256 wanted);
    error UnknownDenom(string denom);
    error TextTooLong(uint256 maximum, uint256 actual);
    error UnexpectedAcknowledgement();
    error RateLimited(address token, uint256 available, uint256 wanted);

    /// @notice Sends `amount` of `token`, which must be approved for this contract.
    function sendTransfer(SendTransferMsg calldata message) external returns (uint64 sequence);

    /// @notice Caps what may arrive of a token (unlocked or minted): a bucket of `capacity` that refills in `window`
    /// seconds. Capacity 0 with window 0 takes the cap away. Refunds never count. Above the cap a transfer gets the
    /// error acknowledgement, and the sender's chain refunds it.
    function setRateLimit(address token, uint208 capacity, uint48 window) external;

    function rateLimit(address token) external view returns (uint256 capacity, uint256 window, uint256 available);

    /// @notice How much of `token` is locked for `clientId`: what that client can bring back at most.
    function escrowed(string calldata clientId, address token) external view returns (uint256);

    /// @notice The voucher of a denom trace such as "transfer/client-0/uatom": the address that it has or will have.
    function voucherOf(string calldata denom) external view returns (address voucher, bool exists);

    /// @notice The denom trace behind a voucher; empty for any other token.
    function denomOf(address token) external view returns (string memory);
}
