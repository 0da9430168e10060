// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC7786Recipient} from "@openzeppelin/contracts/crosschain/ERC7786Recipient.sol";
import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";

/// @title The smallest application: sends what it is told, counts what arrives. For demos and tests.
/// @notice It takes messages from any sender. A real application checks `sender`, for example with CrosschainLinked.
contract SampleApp is ERC7786Recipient {
    event Arrived(bytes32 indexed receiveId, bytes sender, bytes payload);

    address public immutable gateway;
    /// @notice Messages that arrived.
    uint256 public arrived;

    constructor(address gateway_) {
        gateway = gateway_;
    }

    /// @param recipient ERC-7930 interoperable address.
    function send(bytes calldata recipient, bytes calldata payload, bytes[] calldata attributes) external {
        IERC7786GatewaySource(gateway).sendMessage(recipient, payload, attributes);
    }

    /// @notice One message for each payload.
    function sendMany(bytes calldata recipient, bytes[] calldata payloads, bytes[] calldata attributes) external {
        for (uint256 i = 0; i < payloads.length; ++i) {
            IERC7786GatewaySource(gateway).sendMessage(recipient, payloads[i], attributes);
        }
    }

    function _isAuthorizedGateway(address candidate, bytes calldata) internal view override returns (bool) {
        return candidate == gateway;
    }

    function _processMessage(address, bytes32 receiveId, bytes calldata sender, bytes calldata payload)
        internal
        override
    {
        arrived += 1;
        emit Arrived(receiveId, sender, payload);
    }
}
