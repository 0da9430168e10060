"""ed25519 signatures as CometBFT's nodes check them: the cofactored equation of ZIP-215.

A validator can sign so that nodes take its vote and ordinary libraries refuse it: a point of small order
added to R or to its key, another spelling of a point. This says what nodes say of such a signature. Of
others it says what libraries say, fifty times slower. Time may depend on the data: all of it is public.

Implements: ZIP-215 (validity criteria for ed25519), the curve of RFC 8032.
"""

import hashlib

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_1 = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T: x = X/Z, y = Y/Z, xy = T/Z."""
_ZERO: _Point = (0, 1, 1, 0)


def signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the signature (64 bytes) over the message fits the key (32 bytes). Never raises."""
    key, nonce = _point(public_key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or scalar >= _ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % _ORDER
    rest = _add(_sum(scalar, _BASE, challenge, _negative(key)), _negative(nonce))
    for _ in range(3):
        rest = _add(rest, rest)
    return rest[0] == 0 and rest[1] == rest[2]


def _point(encoded: bytes) -> _Point | None:
    """Return the point that these 32 bytes are, also where its numbers are not reduced; None for no point."""
    number = int.from_bytes(encoded, "little")
    y, is_odd = number % 2**255 % _P, number >> 255
    above, below = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = above * pow(below, 3, _P) * pow(above * pow(below, 7, _P), (_P - 5) // 8, _P) % _P
    if below * x * x % _P != above:
        x = x * _ROOT_OF_MINUS_1 % _P
    if below * x * x % _P != above:
        return None
    if x % 2 != is_odd:
        x = -x % _P
    return x, y, 1, x * y % _P


def _negative(point: _Point) -> _Point:
    x, y, z, t = point
    return -x % _P, y, z, -t % _P


def _add(one: _Point, two: _Point) -> _Point:
    """Return the sum; the formula holds for any two points, equal ones too."""
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = two
    a, b = (y1 - x1) * (y2 - x2) % _P, (y1 + x1) * (y2 + x2) % _P
    c, d = 2 * _D * t1 * t2 % _P, 2 * z1 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _sum(times_one: int, one: _Point, times_two: int, two: _Point) -> _Point:
    """Return `times_one * one + times_two * two`."""
    table = (_ZERO, one, two, _add(one, two))
    total = _ZERO
    for bit in range(max(times_one.bit_length(), times_two.bit_length()) - 1, -1, -1):
        total = _add(total, total)
        choice = (times_one >> bit & 1) + 2 * (times_two >> bit & 1)
        if choice:
            total = _add(total, table[choice])
    return total


_BASE_ENCODED = (4 * pow(5, -1, _P) % _P).to_bytes(32, "little")
_BASE: _Point = _point(_BASE_ENCODED) or _ZERO
