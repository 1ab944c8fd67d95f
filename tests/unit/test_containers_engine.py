"""What of a stack is on an engine: its network and its containers, and removing both."""

from __future__ import annotations

import ipaddress
import mmap
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, NotFound
from requests import Response

from fixtures.containers import engine, network, state
from fixtures.containers.engine import MARK
from harness.errors import StackError

MINE, OTHERS = {MARK: "abc"}, {MARK: "xyz"}


def refused(status: int, why: str) -> APIError:
    """Return what the client raises when the engine answers with `status`."""
    response = Response()
    response.status_code = status
    return APIError(why, response, why)


@dataclass
class FakeThing:
    """A container; a network, if it has a subnet; or a volume."""

    engine: FakeEngine
    name: str
    labels: dict[str, str]
    subnet: str = ""
    volume: bool = False
    refusal: Exception | None = None

    @property
    def attrs(self) -> dict[str, Any]:
        pid = os.getpid()
        return {"IPAM": {"Config": [{"Subnet": "fd00::/64"}, {"Subnet": self.subnet}]}, "State": {"Pid": pid}}

    @property
    def kind(self) -> str:
        return "volume" if self.volume else "network" if self.subnet else "container"

    def reload(self) -> None: ...

    def remove(self, **_: object) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.engine.things.remove(self)


@dataclass
class FakeEngine:
    """A Docker engine: things with labels. `overlaps`: how often a subnet is taken."""

    things: list[FakeThing] = field(default_factory=list)
    overlaps: int = 0
    stages: list[str] = field(default_factory=list)
    kept_stages: int = 0
    asked: list[str] = field(default_factory=list)
    ran: list[dict[str, Any]] = field(default_factory=list)
    options: list[str] = field(default_factory=list)

    @property
    def containers(self) -> SimpleNamespace:
        # Without `ignore_removed`, one that somebody removes meanwhile is an error of the whole list.
        return SimpleNamespace(
            list=lambda all, filters, ignore_removed: self._found(filters, "container"), run=self._run
        )

    def _run(self, image: str, command: list[str], *, name: str, **how: Any) -> FakeThing:
        self.things.append(FakeThing(self, name, how["labels"]))
        self.ran.append(how)
        return self.things[-1]

    @property
    def volumes(self) -> SimpleNamespace:
        return SimpleNamespace(list=lambda filters: self._found(filters, "volume"), create=self._volume)

    def _volume(self, name: str, *, driver: str, driver_opts: dict[str, str], labels: dict[str, str]) -> None:
        assert ("local", "tmpfs") == (driver, driver_opts["type"])
        self.things.append(FakeThing(self, name, labels, volume=True))
        self.options.append(driver_opts["o"])

    @property
    def images(self) -> SimpleNamespace:
        return SimpleNamespace(prune=self._prune, list=lambda filters: [*self.stages] if filters else [])

    def _prune(self, filters: dict[str, Any]) -> None:
        assert {"dangling": True, "label": engine.PART} == filters
        self.stages = self.stages[: self.kept_stages]

    @property
    def networks(self) -> SimpleNamespace:
        return SimpleNamespace(list=lambda filters: self._found(filters, "network"), create=self._create)

    def _found(self, filters: dict[str, str], kind: str) -> list[FakeThing]:
        key, _, value = filters["label"].partition("=")
        marked = [x for x in self.things if key in x.labels and value in ("", x.labels[key])]
        return [x for x in marked if x.kind == kind]

    def _create(self, name: str, driver: str, labels: dict[str, str], ipam: Any = None) -> FakeThing:
        subnet = ipam["Config"][0]["Subnet"] if ipam else f"172.{20 + len(self.asked)}.0.0/16"
        if ipam and self.overlaps:
            self.overlaps -= 1
            raise refused(403, "Pool overlaps with other one on this address space")
        self.asked.append(subnet)
        made = FakeThing(self, name, labels, subnet)
        self.things.append(made)
        return made


@pytest.fixture
def fake() -> FakeEngine:
    return FakeEngine()


def client(fake: FakeEngine) -> Any:
    return fake


# --- the network --------------------------------------------------------------------------------


def test_a_network_has_the_subnet_the_engine_found_free(fake: FakeEngine) -> None:
    """And has it by name: only then may we choose addresses in it."""
    subnet = network.create(client(fake), "abc")

    assert ["172.20.0.0/16", "172.20.0.0/16"] == fake.asked
    assert ipaddress.ip_network("172.20.0.0/16") == subnet
    assert [("firedrill-abc", MINE)] == [(each.name, each.labels) for each in fake.things]


def test_a_subnet_that_another_stack_took_meanwhile_is_given_up(fake: FakeEngine) -> None:
    fake.overlaps = 1

    assert ipaddress.ip_network("172.21.0.0/16") == network.create(client(fake), "abc")
    assert 1 == len(fake.things)


def test_an_engine_without_a_free_subnet_is_named(fake: FakeEngine) -> None:
    fake.overlaps = network.ATTEMPTS

    with pytest.raises(StackError, match="no subnet for firedrill-abc"):
        network.create(client(fake), "abc")
    assert not fake.things


def test_every_node_has_an_address_of_its_own() -> None:
    subnet = ipaddress.IPv4Network("172.20.0.0/16")
    given = network.addresses(subnet, ["a", "b", "c"])

    assert {"a": "172.20.0.10", "b": "172.20.0.11", "c": "172.20.0.12"} == given


# --- the volume ---------------------------------------------------------------------------------


def test_the_volume_belongs_to_the_containers_user_and_has_the_stacks_mark(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    seen = state.make(client(fake), "abc", image="firedrill:1", user="1000:100")

    assert Path(f"/proc/{os.getpid()}/root/state") == seen
    assert {("firedrill-abc-state", "abc")} == {(each.name, each.labels[MARK]) for each in fake.things}
    assert [f"nr_blocks={256 * 2**20 // mmap.PAGESIZE},uid=1000,gid=100,mode=700"] == fake.options
    assert {"firedrill-abc-state": {"bind": "/state", "mode": "rw"}} == fake.ran[0]["volumes"]
    assert (["ALL"], "none") == (fake.ran[0]["cap_drop"], fake.ran[0]["network_mode"])


def test_a_volume_this_machine_may_not_look_into_is_none(fake: FakeEngine) -> None:
    """Then nothing can fill it, and the drill that would is skipped."""
    assert state.make(client(fake), "abc", image="firedrill:1", user="1000:100") is None


# --- removing -----------------------------------------------------------------------------------


def test_only_what_has_the_stacks_mark_is_removed(fake: FakeEngine) -> None:
    for labels in (MINE, OTHERS, {}):
        fake.things += [
            FakeThing(fake, "box", labels),
            FakeThing(fake, "net", labels, "172.30.0.0/16"),
            FakeThing(fake, "disk", labels, volume=True),
        ]
    engine.remove("abc", client(fake))

    assert [OTHERS] * 3 + [{}] * 3 == [each.labels for each in fake.things]


def test_removing_twice_changes_nothing(fake: FakeEngine) -> None:
    engine.remove("abc", client(fake))

    assert not fake.things


@pytest.mark.parametrize("refusal", [NotFound("gone"), refused(409, "removal is already in progress")])
def test_what_somebody_else_is_removing_is_not_removed_yet(fake: FakeEngine, refusal: Exception) -> None:
    """The warden asks again: it must not believe that all is gone."""
    fake.things.append(FakeThing(fake, "box", MINE, refusal=refusal))

    with pytest.raises(StackError, match="Docker kept box"):
        engine.remove("abc", client(fake))


def test_what_cannot_be_removed_is_told(fake: FakeEngine) -> None:
    fake.things.append(FakeThing(fake, "box", MINE, refusal=refused(500, "driver failed")))

    with pytest.raises(StackError, match=r"looking for what is left of abc failed: .*driver failed"):
        engine.remove("abc", client(fake))


# --- builds -------------------------------------------------------------------------------------


def test_what_a_build_left_is_removed_and_no_container_of_a_stack(fake: FakeEngine) -> None:
    """A container has the labels of its image, too."""
    fake.stages = ["installer", "engines"]
    fake.things = [
        FakeThing(fake, "reader", {engine.PART: "reading"}),
        FakeThing(fake, "box", {**MINE, engine.PART: "image"}),
    ]
    engine.prune_stages(client(fake))

    assert ["box"] == [each.name for each in fake.things]
    assert not fake.stages


def test_stages_that_stay_are_told(fake: FakeEngine) -> None:
    fake.stages, fake.kept_stages = ["installer"], 1

    with pytest.raises(StackError, match="kept 1 stages of a build"):
        engine.prune_stages(client(fake))
