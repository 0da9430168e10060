// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title An ERC-20 that stands for a token of another chain.
/// @notice Cloned once for each denom trace by the transfer contract, which alone mints and burns. Its name is the denom trace, its
/// symbol the first bytes of the trace's sha256; ICS-20 carries no decimals, so units are whole.
contract Ics20Voucher is ERC20 {
    error OnlyTransfer(address caller);
    error AlreadyInitialized();

    address public immutable transferContract;
    string private _denom;

    /// @dev The implementation that clones point to; made by the transfer contract.
    constructor() ERC20("", "") {
        transferContract = msg.sender;
    }

    modifier onlyTransfer() {
        require(msg.sender == transferContract, OnlyTransfer(msg.sender));
        _;
    }

    function initialize(string calldata denom) external onlyTransfer {
        require(bytes(_denom).length == 0, AlreadyInitialized());
        _denom = denom;
    }

    function mint(address to, uint256 amount) external onlyTransfer {
        _mint(to, amount);
    }

    /// @notice Burns what the transfer contract itself holds.
    function burn(uint256 amount) external onlyTransfer {
        _burn(msg.sender, amount);
    }

    /// @return The denom trace, for example "transfer/client-0/uatom".
    function name() public view override returns (string memory) {
        return _denom;
    }

    function symbol() public view override returns (string memory) {
        return string.concat("ibc/", Strings.toHexString(uint256(uint32(bytes4(sha256(bytes(_denom))))), 4));
    }

    function decimals() public pure override returns (uint8) {
        return 0;
    }
}
