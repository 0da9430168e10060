"""Third-party light blocks, each with its expected verdict: model-based, bisection, real chains."""

import base64

import pytest

from proofs.lightclients.tendermint import (
    TendermintParams,
    advance,
    decode_light_block,
    decode_validators,
    encode_light_block,
    encode_validators,
    header_hash,
    validators_hash,
)
from proofs.lightclients.tendermint.trust import state_of
from proofs.lightclients.tendermint.types import Flag
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.pb.tendermint.crypto import keys_pb2
from proofs.pb.tendermint.types import types_pb2, validator_pb2
from proofs.records import replace
from proofs.types import BlockRef, ChainId, Height, UntrustedUpdate
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Refusal, Rejected
from tests.support import cosmos_json
from tests.support.cosmos_blocks import Seat, header_of, ordered, signed
from tests.support.vectors import counted, load, needs, path_of, unhex

CHAIN = ChainId("cosmos:vectors")
MODEL = "cosmos/tendermint-rs-light-client/model_based/single_step"
BISECTION = "cosmos/tendermint-rs-light-client/bisection/single_peer"
CELESTIA = "cosmos/celestia-mocha-4"
UNION = "cosmos/union-tendermint-verifier"
BARTIO = f"{UNION}/bartio-6760022-validators-bls.json"
EUREKA = "cosmos/ibc-eureka-tendermint/update_client_happy_path.json"
GREENFIELD = "cosmos/greenfield-lightblock.json"


def files(folder):
    return [f"{folder}/{path.name}" for path in sorted(path_of(folder).glob("*.json"))]


def update_of(block, next_validators=None):
    """Return the update for a block; a set that does not change may be left out."""
    next_validators = block.validators if next_validators is None else next_validators
    return UntrustedUpdate(
        light_client="tendermint",
        target=BlockRef(chain=CHAIN, height=Height(block.header.height), hash=header_hash(block.header)),
        header=encode_light_block(block),
        next_set=encode_validators(next_validators),
    )


def params_of(block, period_s, **changes):
    return TendermintParams(
        chain=CHAIN,
        chain_id=block.header.chain_id,
        anchor_height=Height(block.header.height),
        anchor_hash=header_hash(block.header),
        trusting_period_s=period_s,
        **changes,
    )


def trust_in(block, next_validators):
    """Return the trusted state of a block that the vector says is trusted (it need not be well voted for)."""
    ref = BlockRef(chain=CHAIN, height=Height(block.header.height), hash=header_hash(block.header))
    return state_of(block, ref, next_validators)


@needs(MODEL)
@pytest.mark.covers("LC-01", "LC-04", "LC-06")
def test_model_based_steps_have_their_verdicts():
    seen = {"SUCCESS": 0, "NOT_ENOUGH_TRUST": 0, "INVALID": 0}
    for name in files(MODEL):
        case = load(name)
        initial = case["initial"]
        header = cosmos_json.header(initial["signed_header"]["header"])
        next_set = cosmos_json.validators(initial["next_validator_set"]["validators"], is_unordered=True)
        assert validators_hash(next_set) == header.next_validators_hash
        block = cosmos_json.LightBlock(
            header=header, commit=cosmos_json.commit(initial["signed_header"]["commit"]), validators=()
        )
        params = params_of(block, int(initial["trusting_period"]) // 10**9, max_clock_drift_s=0)
        trusted = trust_in(block, next_set)
        for at, step in enumerate(case["input"]):
            block = cosmos_json.light_block(step["block"], is_unordered=True)
            next_set = cosmos_json.validators(
                step["block"]["next_validator_set"]["validators"], is_unordered=True
            )
            verdict = advance(
                trusted, update_of(block, next_set), params, cosmos_json.time_ns(step["now"]) / 10**9
            )
            expected = {"SUCCESS": Accepted, "NOT_ENOUGH_TRUST": NotEnoughTrust, "INVALID": Rejected}
            assert isinstance(verdict, expected[step["verdict"]]), f"{name} {at}: {verdict}"
            seen[step["verdict"]] += 1
            if isinstance(verdict, Accepted):
                trusted = verdict.value
    counted(f"tendermint-rs model-based steps: {seen}")
    assert sum(seen.values()) >= 88
    assert min(seen.values()) >= 10


def made_again(documents):
    """Return a vector's chain with our keys and today's encoding: who signs what, with which power, and when.

    The bisection vectors are of Tendermint 0.33, whose Amino hashes and votes no CometBFT verifies; what they
    are about, sets that change, is carried over.
    """
    addresses = sorted(
        {
            seat["address"]
            for document in documents
            for name in ("validator_set", "next_validator_set")
            for seat in document[name]["validators"]
        }
    )
    made, parent = {}, None
    for document in documents:
        sets = [
            ordered(
                [
                    Seat(addresses.index(seat["address"]), int(seat["voting_power"]))
                    for seat in document[name]["validators"]
                ]
            )
            for name in ("validator_set", "next_validator_set")
        ]
        voted = {entry["validator_address"] for entry in document["signed_header"]["commit"]["signatures"]}
        flags = {at: Flag.ABSENT for at, seat in enumerate(sets[0]) if addresses[seat.number] not in voted}
        original = document["signed_header"]["header"]
        header = replace(
            header_of(int(original["height"]), *sets, parent=parent),
            time_ns=cosmos_json.time_ns(original["time"]),
        )
        parent = signed(header, *sets, flags=flags)
        made[header.height] = parent
    return made


def bisect(trusted, blocks, target, params, now_s):
    """Return the last verdict, and which heights became trusted: the loop of a relay, in small."""
    accepted, aims = [], [target]
    while True:
        update = blocks[aims[-1]].update
        update = replace(update, target=replace(update.target, chain=params.chain))
        verdict = advance(trusted, update, params, now_s)
        match verdict:
            case Accepted(value=trusted):
                accepted.append(aims.pop())
                if not aims:
                    return verdict, accepted
            case NotEnoughTrust(try_height=int() as height):
                aims.append(height)
            case _:
                return verdict, accepted


@needs(BISECTION)
@pytest.mark.covers("LC-04", "LC-05")
def test_bisection_ends_as_it_should():
    """The numbers of steps in the vectors are of another choice of the middle: ours are written out."""
    steps = {}
    for name in files(BISECTION):
        case = load(name)
        options = case["trust_options"]
        level = options["trust_level"]
        blocks = made_again(case["primary"]["lite_blocks"])
        anchor = blocks[int(options["height"])]
        params = params_of(
            anchor.block,
            int(options["period"]) // 10**9,
            trust_level=(int(level["numerator"]), int(level["denominator"])),
        )
        trusted = trust_in(anchor.block, decode_validators(anchor.update.next_set))
        now_s = cosmos_json.time_ns(case["now"]) / 10**9
        verdict, accepted = bisect(trusted, blocks, int(case["height_to_verify"]), params, now_s)
        is_error = case["expected_output"] == "error"
        assert isinstance(verdict, Rejected) == is_error, f"{name}: {verdict}"
        steps[name.split("/")[-1].strip("_")] = (verdict, accepted)
    assert steps["happy_path.json"][1] == [4, 5, 6, 11]
    assert steps["worst_case.json"][1] == list(range(2, 12))
    verdict, accepted = steps["not_enough_commits.json"]
    assert (verdict.reason, accepted) == (Reason.INCOMPLETE, [4, 5])
    verdict, accepted = steps["header_out_of_trusting_period.json"]
    assert (verdict.reason, accepted) == (Reason.EXPIRED, [])
    counted(f"tendermint-rs bisections: {len(steps)}")


def celestia(height):
    folder = f"{CELESTIA}/{height}"
    document = load(f"{folder}/signed_block.json")
    document = document.get("result", document)
    block = cosmos_json.LightBlock(
        header=cosmos_json.header(document["header"]),
        commit=cosmos_json.commit(document["commit"]),
        validators=cosmos_json.validators(document["validator_set"]["validators"]),
    )
    assert header_hash(block.header) == block.commit.block.hash
    return block


@needs(CELESTIA)
@pytest.mark.parametrize(
    ("low", "high"),
    [(3000, 3001), (10000, 10001), (10500, 10501), (3000, 10000), (10000, 10500), (3000, 10500)],
)
def test_real_blocks_of_celestia_follow_each_other(low, high):
    """The anchor's own commit is judged, too. Where no block follows, the next set is the block's own."""
    base, target = celestia(low), celestia(high)
    params = params_of(base, 30 * 86_400)
    now_s = target.header.time_ns // 10**9 + 60
    trusted = advance(None, update_of(base, celestia(low + 1).validators), params, now_s).value
    verdict = advance(trusted, update_of(target), params, now_s)
    assert isinstance(verdict, Accepted), verdict
    assert verdict.value.root == target.header.app_hash
    assert isinstance(advance(trusted, update_of(target), params, now_s + 30 * 86_400), Rejected)
    counted(f"celestia {low} -> {high}: {len(target.validators)} validators")


@needs(UNION)
@pytest.mark.parametrize("height", [288, 291])
def test_real_blocks_of_union_follow_from_the_trusted_set_that_goes_with_them(height):
    document = load(f"{UNION}/{height}.json")
    block = cosmos_json.light_block(document)
    next_set = cosmos_json.validators(document["trusted_validators"]["validators"])
    low = int(document["trusted_height"].split("-")[1])
    hour_ago_ns = block.header.time_ns - 3600 * 10**9
    earlier = replace(block, header=replace(block.header, height=low, time_ns=hour_ago_ns))
    now_s = block.header.time_ns // 10**9 + 60
    params = params_of(earlier, 86_400)
    verdict = advance(trust_in(earlier, next_set), update_of(block), params, now_s)
    assert isinstance(verdict, Accepted), verdict
    assert verdict.value.block.hash == block.commit.block.hash
    counted(f"union {low} -> {height}: {len(block.validators)} validators")


@needs(BARTIO)
def test_a_chain_whose_validators_have_bls_keys_is_refused_as_a_whole():
    """Berachain's bArtio: one key of a type that cannot be checked here is enough, wherever it sits."""
    seats = load(BARTIO)["result"]["validators"]
    bls_field = bytes([3 << 3 | 2, 48])
    messages = [
        validator_pb2.Validator(
            address=bytes.fromhex(seat["address"]),
            pub_key=keys_pb2.PublicKey.FromString(bls_field + base64.b64decode(seat["pub_key"]["value"])),
            voting_power=int(seat["voting_power"]),
        )
        for seat in seats
    ]
    with pytest.raises(Refusal, match="expected ed25519 or secp256k1, got a type unknown here"):
        decode_validators(validator_pb2.ValidatorSet(validators=messages).SerializeToString())
    counted(f"bArtio: {len(seats)} BLS validators refused")


@needs(EUREKA)
def test_the_header_update_of_eureka_is_accepted():
    fixture = load(EUREKA)
    client = tendermint_pb2.ClientState.FromString(unhex(fixture["client_state_hex"]))
    consensus = tendermint_pb2.ConsensusState.FromString(unhex(fixture["consensus_state_hex"]))
    message = tendermint_pb2.Header.FromString(unhex(fixture["update_client_message"]["client_message_hex"]))
    encoded = types_pb2.LightBlock(
        signed_header=message.signed_header, validator_set=message.validator_set
    ).SerializeToString()
    block = decode_light_block(encoded)
    next_set = decode_validators(message.trusted_validators.SerializeToString())
    assert validators_hash(next_set) == consensus.next_validators_hash
    earlier_header = replace(
        block.header,
        height=message.trusted_height.revision_height,
        time_ns=consensus.timestamp.ToNanoseconds(),
        app_hash=consensus.root.hash,
    )
    earlier = replace(block, header=earlier_header)
    params = params_of(
        earlier,
        client.trusting_period.seconds,
        trust_level=(client.trust_level.numerator, client.trust_level.denominator),
        max_clock_drift_s=client.max_clock_drift.seconds,
    )
    update = replace(update_of(block), header=encoded)
    now_s = block.header.time_ns // 10**9 + 5
    verdict = advance(trust_in(earlier, next_set), update, params, now_s)
    assert isinstance(verdict, Accepted), verdict
    assert verdict.value.block.height == fixture["update_client_message"]["new_height"]
    counted("eureka: update of a 07-tendermint client 20 -> 38")


@needs(GREENFIELD)
def test_the_light_blocks_of_greenfield_are_refused_for_what_they_add():
    """Greenfield hashes more: a random mix in the header, a BLS key and a relayer with every validator."""
    cases = load(GREENFIELD)["cases"]
    for case in cases:
        data = unhex(case["input"])
        encoded = data[32 + int.from_bytes(data[:32], "big") :]
        with pytest.raises(Refusal, match="canonical") as refused:
            decode_light_block(encoded)
        assert refused.value.reason is Reason.MALFORMED
        known = types_pb2.LightBlock.FromString(encoded)
        known.DiscardUnknownFields()
        block = decode_light_block(known.SerializeToString())
        assert header_hash(block.header) != block.commit.block.hash
        assert validators_hash(block.validators) != block.header.validators_hash
    counted(f"greenfield: {len(cases)} light blocks refused, their format has more fields")
