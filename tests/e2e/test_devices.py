# SPDX-License-Identifier: BSD-3-Clause
"""The same gateway on other devices: tap, VLANs, a small MTU; each in a laboratory of its own."""

import frames
import payload
from client import Conn, curl
from lab import GW6


def works(lab):
    """The main job in short, both ways and families, with bodies of many packets."""
    assert curl(lab, "https://webext.example.test/size/2000000").sha256 == payload.sha256(2000000)
    assert curl(lab, "http://webext2.example.test/size/500000").sha256 == payload.sha256(500000)
    assert curl(lab, "https://webext.example.test/x", address=GW6).status == 200
    assert curl(lab, "http://meet.example.test/x").get("Location") == "https://meet.example.test/x"
    with Conn(lab, "webext2.example.test") as conn:
        assert conn.ask("/upload", "POST", body=payload.data(500000)).json()["body_sha256"] == payload.sha256(500000)
        assert conn.ntlm_login("alice").json()["user"] == "alice"


def test_gateway_on_tap_outside(bare_lab):
    lab = bare_lab(veth_external=False).start_pools()
    config = lab.config()
    config["ports"]["external"]["device"] = "net_tap0,iface=T0"
    gateway = lab.gateway(config).start()
    lab.gateway_space.ip("link", "set", "T0", "netns", lab.client.name)
    lab.address_outside("T0")
    works(lab)
    assert gateway.stop() == 0


def test_gateway_with_vlans_on_both_sides(bare_lab):
    """Frames on the wire carry the configured tag both ways; untagged ones are for nobody."""
    lab = bare_lab()
    taggers = []
    for space, outer, vlan in ((lab.client, "ext0", 100), (lab.inside, "int0", 200)):
        space.ip("addr", "flush", "dev", outer)
        space.ip("link", "add", "plain0", "type", "veth", "peer", "name", "plain1")
        space.offloads_off("plain0", "tx")
        space.offloads_off("plain1", "gro")
        space.offloads_off(outer, "gro")
        for name in ("plain0", "plain1"):
            space.ip("link", "set", name, "mtu", "1500", "up")
        (lab.address_outside if space is lab.client else lab.address_inside)("plain0")
        taggers.append(frames.Tagger(frames.Wire(space, "plain1"), frames.Wire(space, outer), vlan))
    lab.start_pools()
    config = lab.config()
    config["ports"]["external"]["vlan"] = 100
    config["ports"]["internal"]["vlan"] = 200
    for tagger in taggers:
        tagger.start()
    gateway = lab.gateway(config).start()
    try:
        works(lab)
        with frames.Wire(lab.client, "ext0") as wire:
            wire.send(frames.ethernet(gateway_mac(lab), wire.mac,
                                      frames.icmp_echo("203.0.113.100", "203.0.113.10", b"untagged")))
            assert not [f for f in wire.collect(1) if b"untagged" in f]
    finally:
        for tagger in taggers:
            tagger.stop()
    assert [tagger.seen_tags for tagger in taggers] == [{100}, {200}]
    assert gateway.stop() == 0


def gateway_mac(lab):
    return next(n["lladdr"] for n in lab.client.ip_json("neigh", "show") if n["dst"] == "203.0.113.10")


def test_gateway_with_a_small_mtu(bare_lab):
    """Segments fit the smaller MTU on each side; peers believe our MSS."""
    lab = bare_lab()
    lab.start_pools()
    config = lab.config()
    config["ports"]["external"]["mtu"] = 1400
    config["ports"]["internal"]["mtu"] = 1300
    gateway = lab.gateway(config).start()
    with frames.Wire(lab.client, "ext0") as outer, frames.Wire(lab.inside, "int0") as inner:
        works(lab)
        assert max(len(frame) for frame in outer.waiting()) <= 14 + 1400
        assert max(len(frame) for frame in inner.waiting()) <= 14 + 1300
    assert gateway.stop() == 0
