// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title The packets of IBC v2, and the list in which a relay hands them over.
/// @notice Types of ICS-4 v2 as other Solidity implementations spell them, plus `Batch`, which is ours.

struct Payload {
    string sourcePort;
    string destPort;
    string version;
    string encoding;
    bytes value;
}

struct Packet {
    uint64 sequence;
    string sourceClient;
    string destClient;
    /// Unix seconds.
    uint64 timeoutTimestamp;
    Payload[] payloads;
}

/// @notice What an application asks the router to send: one payload along one client.
struct SendRequest {
    string sourceClient;
    uint64 timeoutTimestamp;
    Payload payload;
}

/// @notice The other chain's name for its client of this chain, and the prefix of its store.
struct Counterparty {
    string clientId;
    /// One empty element: the router proves the plain ICS-24 path, so no other prefix is accepted.
    bytes[] merklePrefix;
}

/// @notice Where a run of packets goes; written once for the whole run.
struct Route {
    string sourcePort;
    string destPort;
    string version;
    string encoding;
}

/// @notice Consecutive packets of one route. `value` of packet i is `prefix || its slice of tails`.
struct Group {
    Route route;
    /// One word for each packet, see `BatchReader`: sequence (8 bytes), timeout (8), length of its slice of `tails` (4), zero (12).
    bytes32[] heads;
    /// Leading bytes that all values of the group share; may be empty.
    bytes prefix;
    /// The rest of each value, one after the other, without gaps; consumed exactly.
    bytes tails;
}

/// @notice Packets of one client with one proof over all of them, in this order.
/// The proof must be over exactly this list: the router rebuilds (path, commitment) of each packet itself.
struct Batch {
    /// This chain's client: the destination client for `recvPackets`, the source client for the other two.
    string client;
    Group[] groups;
    uint64 proofHeight;
    /// What `ILightClient.verifyPairs` takes; for attestations the 65-byte signatures one after the other.
    bytes proof;
    /// When not empty, handed to `ILightClient.updateClient` first.
    bytes update;
}

/// @notice What the router knows about a client, for a relay at a pinned block.
struct ClientInfo {
    string counterpartyClientId;
    address lightClient;
    /// 0 before the first packet; the next packet gets this plus one.
    uint64 lastSequenceSent;
    /// 0 before the first batch; batches are numbered from 1.
    uint64 lastAckBatch;
}

/// @title IBC v2 packet router.
interface IRouter {
    /// @notice A packet was sent; its commitment is in storage. `clientId` is the source client.
    event SendPacket(string indexed clientId, uint256 indexed sequence, Packet packet);

    /// @notice Packets were received, and acknowledgement batch `batch` of this destination client was stored.
    /// Packet i is `sequences[i]` and its acknowledgement is `acks[uint8(ackIndex[i])]`.
    /// The stored hash is keccak256(abi.encode(sequences, ackCommitments)), `ackCommitments[i]` of ICS-4 v2.
    event WriteAcknowledgements(
        string indexed clientId, uint64 indexed batch, uint64[] sequences, bytes ackIndex, bytes[] acks
    );

    /// @notice These packets, sent by this client, were acknowledged: commitment gone, application told.
    event AckPackets(string indexed clientId, uint64[] sequences);

    /// @notice These packets, sent by this client, timed out: commitment gone, application told.
    event TimeoutPackets(string indexed clientId, uint64[] sequences);

    /// @notice A packet arrived at or after its timeout: nothing was stored, the sender can prove the timeout.
    event PacketExpired(string indexed clientId, uint64 indexed sequence);

    /// @notice An application failed; its effects are rolled back. `reason` is the first word of what it returned.
    /// On receipt the packet got the error acknowledgement; on acknowledgement and timeout the commitment stays, so
    /// that the same proof can be tried again.
    event ApplicationFailed(string indexed clientId, uint64 indexed sequence, bytes32 reason);

    event ClientAdded(string clientId, string counterpartyClientId, address lightClient);
    event ClientMigrated(string clientId, address lightClient);
    event AppRegistered(string port, address app, uint32 gasLimit);

    error ClientNotFound(string clientId);
    error ClientAlreadyExists(string clientId);
    error InvalidClientId(string clientId);
    error InvalidLightClient(address lightClient);
    error UnsupportedMerklePrefix();
    error InvalidApp(string port, address app, uint32 gasLimit);
    error AppNotFound(string port);
    error NotTheApp(string port, address expected, address actual);
    error InvalidPayload();
    error ValueTooLarge(uint256 maximum, uint256 actual);
    error InvalidTimeout(uint256 earliest, uint256 latest, uint256 actual);
    /// @dev The batch is not what `Batch` and `Group` say: counts, lengths or unused bits.
    error MalformedBatch();
    error TooManyPackets(uint256 maximum, uint256 actual);
    /// @dev A packet of the batch is not the one that this chain sent.
    error CommitmentMismatch(uint64 sequence, bytes32 expected, bytes32 actual);
    /// @dev The proof is of a time before the packet's timeout.
    error TimeoutNotReached(uint64 sequence, uint64 timeoutTimestamp, uint64 provenTimestamp);
    /// @dev The transaction has too little gas to give the application its fixed share; send more.
    error NotEnoughGas(uint64 sequence, uint256 required, uint256 actual);
    /// @dev The application returned no acknowledgement, the error acknowledgement, or one above the cap.
    error BadAcknowledgement(uint64 sequence);

    /// @notice Sends one packet. Only the application registered for `payload.sourcePort`.
    function sendPacket(SendRequest calldata request) external returns (uint64 sequence);

    /// @notice Delivers packets sent to `batch.client`. Packets already received are skipped.
    function recvPackets(Batch calldata batch) external;

    /// @notice Acknowledges packets sent from `batch.client`. Packets already settled are skipped.
    /// @param acks The different acknowledgements; `ackIndex` has one byte for each packet, an index into them.
    function ackPackets(Batch calldata batch, bytes[] calldata acks, bytes calldata ackIndex) external;

    /// @notice Times out packets sent from `batch.client`, proven not received at `batch.proofHeight`, whose time must
    /// be at or past each packet's timeout. Packets already settled are skipped.
    function timeoutPackets(Batch calldata batch) external;

    /// @notice Hands `update` to the light client of `clientId`.
    function updateClient(string calldata clientId, bytes calldata update) external;

    // For operators, by role (see README).

    function addClient(string calldata clientId, Counterparty calldata counterparty, address lightClient) external;

    /// @notice Replaces the light client, for example after a lost quorum. Commitments and receipts stay.
    function migrateClient(string calldata clientId, address lightClient) external;

    /// @param gasLimit What the application gets for each callback: always exactly this, so that the relay's choice of
    /// gas can never decide whether it fails.
    function registerApp(string calldata port, address app, uint32 gasLimit) external;

    function pause() external;

    function unpause() external;

    // For relays, at a pinned block, in lists.

    function clientInfo(string calldata clientId) external view returns (ClientInfo memory);

    /// @notice Commitments of packets sent by `clientId`; zero when settled or never sent.
    function commitments(string calldata clientId, uint64[] calldata sequences) external view returns (bytes32[] memory);

    /// @notice Whether `clientId` has received these packets.
    function received(string calldata clientId, uint64[] calldata sequences) external view returns (bool[] memory);

    /// @notice Stored hashes of acknowledgement batches `first` to `first + count - 1`; zero when not written.
    function ackBatches(string calldata clientId, uint64 first, uint64 count) external view returns (bytes32[] memory);

    function app(string calldata port) external view returns (address app, uint32 gasLimit);

    /// @notice The commitment of ICS-4 v2, for any number of payloads.
    function packetCommitment(Packet calldata packet) external pure returns (bytes32);

    /// @notice The acknowledgement commitment of ICS-4 v2, for any number of payloads.
    function ackCommitment(bytes[] calldata acks) external pure returns (bytes32);
}
