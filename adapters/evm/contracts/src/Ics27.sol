// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @notice ICS-27 GMP packet data in the encoding "application/x-solidity-abi".
struct CallData {
    string sender;
    string receiver;
    bytes salt;
    bytes payload;
    string memo;
}

/// @notice What a call that was carried out is acknowledged with.
struct CallResult {
    bytes result;
}

/// @title Calls from and to Cosmos chains: ICS-27 GMP, the one way into a Cosmos chain that needs nothing of ours there.
/// @notice Addresses are texts, each in the notation of its own chain.
library Ics27 {
    string internal constant PORT = "gmpport";
    string internal constant VERSION = "ics27-2";
    string internal constant ENCODING = "application/x-solidity-abi";
    /// @notice ERC-7930 chain type of Cosmos chains: ours, until CAIP-350 has one. Addresses of it are texts (bech32).
    bytes2 internal constant CHAIN_TYPE = 0xff01;

    /// @notice The packet value of a call. The account that acts on the other chain follows from client, sender and salt; the
    /// receiver means nothing to a stock chain.
    function encodeCall(address sender, bytes memory receiver, bytes calldata payload)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encode(CallData(Strings.toChecksumHexString(sender), string(receiver), "", payload, ""));
    }

    /// @notice The acknowledgement of a call without result.
    function done() internal pure returns (bytes memory) {
        return abi.encode(CallResult(""));
    }

    /// @notice Whether ERC-7930 bytes are of a Cosmos chain.
    function isCosmos(bytes memory interoperableAddress) internal pure returns (bool) {
        return bytes4(interoperableAddress) == bytes4(0x00010000) | (bytes4(CHAIN_TYPE) >> 16);
    }
}
