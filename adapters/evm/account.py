"""What the chain says about one account: nonces, balance, fees, receipts. Asked of all endpoints.

A minority of endpoints can neither invent a receipt nor hide one, nor make a signer look poor or gas look
dear: receipts need `threshold` equal answers, numbers are the middle of all answers. Nothing here sends
anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any

from adapters.errors import AdapterError
from adapters.evm.endpoints import Endpoints
from adapters.evm.rpc import Call, ErrorObject, RpcClient
from adapters.evm.wire import BlockJson, ReceiptJson, data, number, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What a transaction would meet now."""

    base_fee_wei: int
    tip_wei: int
    """What nodes suggest."""
    balance_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Transactions of the account: in the newest block, in a final one, and with those that wait in line."""

    latest: int
    final: int
    pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Reads about one account."""

    endpoints: Endpoints
    address: bytes
    final_tag: str
    """Block tag whose nonces are used for good."""
    default_tip_wei: int
    """For nodes that suggest none."""

    async def market(self) -> Market:
        """Return fees and balance. Raises `NoAgreement` when too few endpoints answer."""
        answers = await self._enough(self._read_market)
        return Market(
            base_fee_wei=median_low([each.base_fee_wei for each in answers]),
            tip_wei=median_low([each.tip_wei for each in answers]),
            balance_wei=median_low([each.balance_wei for each in answers]),
        )

    async def look(self, versions: Sequence[Sequence[bytes]] = ()) -> tuple[list[ReceiptJson | None], Counts]:
        """Return for each transaction the receipt of whichever version has one, and the counts.

        `versions` are the hashes of each transaction. Raises `NoAgreement` when too few endpoints answer.
        """

        async def work(client: RpcClient) -> tuple[dict[bytes, ReceiptJson], Counts]:
            return await self._read_fates(client, [each for several in versions for each in several])

        answers = await self._enough(work)
        agreed = self._agreed_receipts([receipts for receipts, _ in answers])
        counts = [counts for _, counts in answers]
        found = [next((agreed[each] for each in several if each in agreed), None) for several in versions]
        return found, Counts(
            latest=median_low([each.latest for each in counts]),
            final=median_low([each.final for each in counts]),
            pending=median_low([each.pending for each in counts]),
        )

    async def knows(self, transaction_hash: bytes) -> bool:
        """Return whether an endpoint knows the transaction; False only when `threshold` do not."""

        async def work(client: RpcClient) -> bool:
            [reply] = await client.batch([("eth_getTransactionByHash", ["0x" + transaction_hash.hex()])])
            return read(reply, dict[str, Any] | None, "transaction") is not None

        return (await self._enough(work)).count(False) < self.endpoints.threshold

    async def _enough(self, work: Any) -> list[Any]:
        answers = await self.endpoints.each(work)
        good = [answer for answer in answers.values() if not isinstance(answer, AdapterError)]
        if len(good) >= self.endpoints.threshold:
            return good
        raise self.endpoints.failure(answers)

    def _agreed_receipts(self, answers: Sequence[Mapping[bytes, ReceiptJson]]) -> dict[bytes, ReceiptJson]:
        agreed: dict[bytes, ReceiptJson] = {}
        for answer in answers:
            for transaction_hash, receipt in answer.items():
                votes = sum(other.get(transaction_hash) == receipt for other in answers)
                if votes >= self.endpoints.threshold:
                    agreed[transaction_hash] = receipt
        return agreed

    async def _read_market(self, client: RpcClient) -> Market:
        calls: list[Call] = [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_maxPriorityFeePerGas", []),
            ("eth_getBalance", [self._text, "latest"]),
        ]
        block, tip, balance = await client.batch(calls)
        latest: BlockJson = read(block, BlockJson, "block")
        suggested = None if isinstance(tip, ErrorObject) else number(read(tip, str, "tip"), "tip")
        return Market(
            base_fee_wei=number(latest.base_fee_per_gas or "0x0", "base fee"),
            tip_wei=self.default_tip_wei if suggested is None else suggested,
            balance_wei=number(read(balance, str, "balance"), "balance"),
        )

    async def _read_fates(
        self, client: RpcClient, hashes: Sequence[bytes]
    ) -> tuple[dict[bytes, ReceiptJson], Counts]:
        calls: list[Call] = [("eth_getTransactionReceipt", ["0x" + each.hex()]) for each in hashes]
        tags = ("latest", self.final_tag, "pending")
        calls += [("eth_getTransactionCount", [self._text, tag]) for tag in tags]
        replies = await client.batch(calls)
        latest, final, pending = (number(read(reply, str, "nonce"), "nonce") for reply in replies[-3:])
        found: dict[bytes, ReceiptJson] = {}
        for each, reply in zip(hashes, replies, strict=False):
            receipt: ReceiptJson | None = read(reply, ReceiptJson | None, "receipt")
            if receipt is not None and data(receipt.transaction_hash, "transaction hash", 32) == each:
                found[each] = receipt
        return found, Counts(latest=latest, final=final, pending=pending)

    @property
    def _text(self) -> str:
        return "0x" + self.address.hex()
