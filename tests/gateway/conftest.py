"""Fixtures of the gateway's tests."""

import pytest

from tests.gateway.fleet import make_keystores


@pytest.fixture(scope="session")
def keystores(tmp_path_factory):
    """Keystores of three gateways, made once."""
    return make_keystores(tmp_path_factory.mktemp("keystores"))
