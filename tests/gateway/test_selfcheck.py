"""The installation that was overwritten is found out."""

import types

import pytest

from gateway import selfcheck


class Installed:
    direct_url = None

    @classmethod
    def from_name(cls, name):
        assert name == "isthmus"
        return cls()

    def read_text(self, name):
        assert name == "direct_url.json"
        return self.direct_url


@pytest.fixture
def installed(monkeypatch):
    owners = {name: ["isthmus"] for name in selfcheck.PACKAGES}
    monkeypatch.setattr(selfcheck, "Distribution", Installed)
    monkeypatch.setattr(selfcheck, "packages_distributions", lambda: owners)
    monkeypatch.setattr(Installed, "direct_url", None)
    return owners


def test_a_whole_installation_has_no_complaints(installed):
    assert selfcheck.check_installation() == ()


def test_a_rival_package_is_named(installed):
    installed["adapters"].append("adapter-hub")
    (complaint,) = selfcheck.check_installation()
    assert "'adapters'" in complaint
    assert "adapter-hub" in complaint


def test_a_package_that_lost_its_init_is_named(installed, monkeypatch):
    whole = selfcheck.importlib.import_module

    def gutted(name):
        return types.ModuleType(name) if name == "relays" else whole(name)

    monkeypatch.setattr(selfcheck.importlib, "import_module", gutted)
    (complaint,) = selfcheck.check_installation()
    assert "'relays'" in complaint
    assert "reinstall" in complaint


def test_a_package_that_nobody_owns_is_named(installed):
    del installed["proofs"]
    assert "nobody" in selfcheck.check_installation()[0]


def test_an_editable_installation_is_trusted(installed, monkeypatch):
    installed.clear()
    monkeypatch.setattr(Installed, "direct_url", '{"dir_info": {"editable": true}}')
    assert selfcheck.check_installation() == ()
    monkeypatch.setattr(Installed, "direct_url", '{"dir_info": {}}')
    assert len(selfcheck.check_installation()) == 4


def test_the_tree_that_runs_these_tests_is_whole():
    assert selfcheck.check_installation() == ()
