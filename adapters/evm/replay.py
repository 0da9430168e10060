"""Why a transaction was reverted: it is played again in the state before its block, and the revert decoded.

The answer is for people. Other transactions of the block are not played, so it can differ from what happened.
"""

from adapters.evm.endpoints import Endpoints
from adapters.evm.reverts import describe
from adapters.evm.rpc import ErrorObject, RpcClient
from adapters.evm.transactions import Intent
from adapters.evm.wire import ReceiptJson, error_data, number


async def why_reverted(
    endpoints: Endpoints, sender: bytes, receipt: ReceiptJson, intent: Intent | None
) -> str:
    """Return the reason in words. `sender` is the address that signed."""
    if intent is None:
        return "reverted; what it was is not known any more"
    before = hex(max(number(receipt.block_number, "block number") - 1, 0))
    call = {
        "from": "0x" + sender.hex(),
        "to": "0x" + intent.to.hex(),
        "data": "0x" + intent.data.hex(),
        "gas": hex(intent.gas),
    }

    async def work(endpoint: RpcClient) -> str:
        [reply] = await endpoint.batch([("eth_call", [call, before])])
        if isinstance(reply, ErrorObject):
            return describe(error_data(reply))
        used = number(receipt.gas_used, "gas used")
        return f"reverted with {used} of {intent.gas} gas used; played again it does not fail"

    return await endpoints.first(work)
