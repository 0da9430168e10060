"""What a lying CometBFT endpoint says: false headers, empty blocks, values that no proof shows."""

import base64
import copy

from tests.support.liar import Liar, says


def nonsense():
    """Return a failure: every answer is a page of text."""
    return says(text="<html>nonsense</html>")


def forge(spoiled: Liar) -> None:
    """Let an endpoint lie about everything that it is asked."""
    spoiled.lies["commit"] = another_root
    spoiled.lies["block_results"] = nothing_happened
    spoiled.lies["abci_query"] = another_value


def another_root(_: object, found):
    """A header with another state root, under the hash of the true one."""
    if not found:
        return found
    changed = copy.deepcopy(found)
    changed["signed_header"]["header"]["app_hash"] = "11" * 32
    return changed


def nothing_happened(_: object, found):
    """A block in which no event took place."""
    return {**found, "txs_results": [], "finalize_block_events": []}


def another_value(_: object, found):
    """A state in which something else is stored."""
    response = {**found["response"], "value": base64.b64encode(bytes(7) + b"\x01").decode()}
    return {**found, "response": response}
