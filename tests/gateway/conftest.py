"""Fixtures of the gateway's tests."""

import pytest

from gateway.keys import keystore
from tests.gateway.fleet import make_keystores


@pytest.fixture
def keystores(tmp_path_factory, monkeypatch):
    """Keystores of three gateways. Guessing is cheap here; elsewhere a test sees that it is not."""
    monkeypatch.setattr(keystore, "SCRYPT_N", 2**10)
    monkeypatch.setattr(keystore, "SCRYPT_WORK", 2**10 * 8)
    return make_keystores(tmp_path_factory.mktemp("keystores"))
