# SPDX-License-Identifier: BSD-3-Clause
"""Below TCP: frames, IP headers, fragments, extension headers, ARP and neighbour discovery."""

import socket
import struct
import time

import pytest

import frames
import packet
from lab import GW4, GW4_SECOND, GW6, INNER4, INNER6
from network import CLIENT, GATEWAY, OFFER, request
from packet import MASK, ip_packet, mss
from wire import neighbour_message

TAP = True      # af_packet puts IPv4 fragments together before the gateway sees them
both = pytest.mark.parametrize("v", [4, 6])
QUIET = 0.15
HOP, DEST, ROUTING, FRAGMENT, NONE = 0, 60, 43, 44, 59


def alive(net):
    """Whatever came before: a connection still opens."""
    net.opened(4).reset()
    net.opened(6).reset()


def syn_of(net, v=4, **arguments):
    c = net.client(v, **arguments)
    return c, c.segment("S", options=OFFER)


def dropped(c, seg, *packets, **fields):
    for each in packets:
        c.note_sent(seg)
        c.station.send_ip(each, **fields)
    c.silence(QUIET)


def taken(c, seg, *packets, **fields):
    c.note_sent(seg)
    c.snd_nxt = seg.end
    for each in packets:
        c.station.send_ip(each, **fields)
    c.expect("SA", ack=c.snd_nxt)
    c.reset()


# -- Ethernet ---------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("mac", ["02:00:00:00:00:99", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01"])
def test_frame_to_another_mac_is_dropped(net, v, mac):
    """Unicast IP in a link-layer broadcast: RFC 1122 section 3.3.6."""
    c, seg = syn_of(net, v)
    dropped(c, seg, seg.packet(), dst_mac=mac)


def test_frame_from_a_group_mac_is_dropped(net):
    c, seg = syn_of(net)
    net.outside.send_frame(frames.ethernet(net.outside.gateway_mac, "01:00:00:00:00:01", seg.packet()))
    c.silence(QUIET)


@both
def test_padding_behind_the_packet_is_no_data(net, v):
    c, seg = syn_of(net, v)
    taken(c, seg, seg.packet() + b"padding! padding!")


def test_tagged_frame_on_an_untagged_port(net):
    """A VLAN isn't ours; a priority tag (VLAN 0) says nothing of VLANs."""
    c, seg = syn_of(net)
    net.outside.send_frame(frames.ethernet(net.outside.gateway_mac, net.outside.mac, seg.packet(), vlan=7))
    c.silence(QUIET)


@pytest.mark.parametrize("frame", [b"", b"\x08\x00", b"\x86\xdd", b"\x08\x06", b"\x88\xcc" + bytes(50),
                                   b"\x08\x00\x45", b"\x86\xdd\x60", b"\x81\x00\x00", b"\x08\x00" + b"\xff" * 1500,
                                   b"\x86\xdd" + b"\xff" * 1500, b"\x08\x06" + b"\xff" * 100])
def test_garbage_frames_do_no_harm(net, frame):
    for station in (net.outside, net.inside):
        macs = bytes.fromhex((station.gateway_mac + station.mac).replace(":", ""))
        station.wire.sock.send((macs + frame).ljust(14, b"\0"))
    alive(net)


# -- IPv4 -------------------------------------------------------------------------------------------------


def resum(ip):
    ip = ip[:10] + b"\0\0" + ip[12:]
    return ip[:10] + struct.pack("!H", frames.checksum(ip[:20])) + ip[12:]


@pytest.mark.parametrize("name", ["checksum", "version-5", "version-6", "ihl-4", "ihl-15", "total-short", "total-0",
                                  "total-long", "cut"])
def test_broken_ipv4_header_is_dropped(net, name):
    c, seg = syn_of(net)
    ip = seg.packet()
    broken = {
        "checksum": ip[:10] + b"\x12\x34" + ip[12:],
        "version-5": resum(b"\x55" + ip[1:]),
        "version-6": resum(b"\x65" + ip[1:]),
        "ihl-4": resum(b"\x44" + ip[1:]),
        "ihl-15": resum(b"\x4f" + ip[1:]),
        "total-short": resum(ip[:2] + b"\0\x27" + ip[4:]),
        "total-0": resum(ip[:2] + b"\0\0" + ip[4:]),
        "total-long": resum(ip[:2] + struct.pack("!H", len(ip) + 100) + ip[4:]),
        "cut": ip[:30],
    }[name]
    dropped(c, seg, broken)


@pytest.mark.parametrize("options", [b"\x07\x0b\x04" + bytes(8) + b"\0", b"\x94\x04\0\0", b"\x44\x0c\x05\0" + bytes(8),
                                     b"\1\1\1\0", b"\x88\x04\0\1"],
                         ids=["record-route", "router-alert", "timestamp", "nops", "stream-id"])
def test_harmless_ipv4_options_are_skipped(net, options):
    """RFC 1122 section 3.2.1.8."""
    c, seg = syn_of(net)
    taken(c, seg, ip_packet(seg.src, seg.dst, 6, seg.tcp(), options=options))


@pytest.mark.parametrize("options", [b"\x83\x07\4\1\2\3\4\0", b"\x89\x07\4\1\2\3\4\0", b"\x07\0\0\0", b"\x07\1\0\0",
                                     b"\x07\x28\0\0", b"\1\1\1\x07"],
                         ids=["loose-source-route", "strict-source-route", "length-0", "length-1", "too-long", "cut"])
def test_harmful_ipv4_options_are_dropped(net, options):
    """RFC 7126."""
    c, seg = syn_of(net)
    dropped(c, seg, ip_packet(seg.src, seg.dst, 6, seg.tcp(), options=options))


@pytest.mark.parametrize("ttl", [1, 255])
@both
def test_any_ttl_is_good_enough(net, v, ttl):
    c, seg = syn_of(net, v)
    seg.ttl = ttl
    taken(c, seg, seg.packet())


@pytest.mark.parametrize("src", ["127.0.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "203.0.113.255",
                                 GW4, GW4_SECOND, "240.0.0.1"])
def test_martian_sources_are_dropped(net, src):
    """RFC 1122 section 3.2.1.3; our own address is a LAND attack."""
    c, seg = syn_of(net, address=src, lport=80)
    before = len(net.outside.strays)
    dropped(c, seg, seg.packet())
    assert len(net.outside.strays) == before
    assert not [q for q in net.outside.questions if q[3] == src and src not in (GW4, GW4_SECOND)]


@pytest.mark.parametrize("src", ["::", "::1", "ff02::1", "::ffff:203.0.113.7", "::203.0.113.7", GW6])
def test_martian_ipv6_sources_are_dropped(net, src):
    c, seg = syn_of(net, 6, address=src, lport=80)
    before = len(net.outside.strays)
    dropped(c, seg, seg.packet())
    assert len(net.outside.strays) == before


@pytest.mark.parametrize("dst", ["203.0.113.255", "255.255.255.255", "203.0.113.0", "224.0.0.1", "203.0.113.12",
                                 "127.0.0.1", "198.51.100.1"])
def test_segments_to_others_are_dropped(net, dst):
    c, seg = syn_of(net, to=dst)
    dropped(c, seg, seg.packet())


@pytest.mark.parametrize("dst", ["ff02::1", "ff02::2", "2001:db8:1::11", "::1", "::", "2001:db8:9::1"])
def test_ipv6_segments_to_others_are_dropped(net, dst):
    c, seg = syn_of(net, 6, to=dst)
    dropped(c, seg, seg.packet())


@both
def test_broken_tcp_headers_are_dropped(net, v):
    for offset in (0, 1, 4, 15):
        c, seg = syn_of(net, v)
        dropped(c, seg, seg.packet(offset=offset))
    for cut in range(0, 20, 3):
        c, seg = syn_of(net, v)
        body = seg.tcp()[:cut]
        net.outside.send_ip(ip_packet(seg.src, seg.dst, 6, body))
    alive(net)


@both
def test_other_protocols_are_silent(net, v):
    before = len(net.outside.others)
    for proto in (0 if v == 4 else 50, 2, 17, 41, 47, 50, 51, 58 if v == 4 else 1, 89, 132, 253, 255):
        net.outside.send_ip(ip_packet(CLIENT[v], GATEWAY[v], proto, bytes(40)))
    net.outside.send_ip(frames.udp(CLIENT[v], GATEWAY[v], 53, 80))
    time.sleep(QUIET)
    assert net.outside.others[before:] == []


# -- echo -------------------------------------------------------------------------------------------------


def pinged(net, src, dst, data, side="outside", wait=1.0, packet_of=None):
    station = getattr(net, side)
    v6 = ":" in src
    ident = int(time.monotonic() * 1000) & 0xffff
    station.send_ip((packet_of or (lambda ip: ip))(frames.icmp_echo(src, dst, data, ident)))
    key = (0x81 if v6 else 0, ident)

    def reply():
        return next((o for o in station.others if o[1] == src and o[3][0] == key[0] and
                     struct.unpack_from("!H", o[3], 4)[0] == ident), None)

    got = station.wait(reply, wait)
    if got:
        body = got[3]
        assert got[0] == dst and body[8:] == data
        assert frames.checksum((frames.pseudo(got[0], got[1], frames.ICMP6, len(body)) if v6 else b"") + body) == 0
    return got is not None


@pytest.mark.parametrize("size", [0, 1, 56, 1400])
@pytest.mark.parametrize("side, src, dst", [("outside", CLIENT[4], GW4), ("outside", CLIENT[6], GW6),
                                            ("inside", "10.0.0.100", INNER4), ("inside", "fd00:1::64", INNER6)])
def test_echo_is_answered(net, side, src, dst, size):
    assert pinged(net, src, dst, bytes(i & 255 for i in range(size)), side)


@pytest.mark.parametrize("src, dst", [(CLIENT[4], "203.0.113.255"), (CLIENT[4], "255.255.255.255"),
                                      ("203.0.113.255", GW4), (CLIENT[6], "ff02::1"), ("ff02::1", GW6), (GW4, GW4)])
def test_echo_of_groups_is_not_answered(net, src, dst):
    """RFC 1122 section 3.2.2.6: no amplifier."""
    assert not pinged(net, src, dst, b"smurf", wait=QUIET)


def test_echo_with_a_bad_checksum_is_not_answered(net):
    assert not pinged(net, CLIENT[4], GW4, b"ping", wait=QUIET, packet_of=lambda ip: ip[:-1] + b"\xee")


# -- fragments --------------------------------------------------------------------------------------------


def pieces4(seg, cuts, ident=0x4321, body=None):
    """The segment in IPv4 fragments that begin at these places."""
    body = body or seg.tcp()
    ends = list(cuts[1:]) + [len(body)]
    return [ip_packet(seg.src, seg.dst, 6, body[a:b], ident=ident, frag=a // 8 | (0x2000 if b < len(body) else 0))
            for a, b in zip(cuts, ends)]


def pieces6(seg, cuts, ident=0x1234567):
    body = seg.tcp()
    ends = list(cuts[1:]) + [len(body)]
    return [ip_packet(seg.src, seg.dst, FRAGMENT, struct.pack("!BBHI", 6, 0, a | (b < len(body)), ident) + body[a:b])
            for a, b in zip(cuts, ends)]


@both
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_fragmented_segment_is_put_together(net, v, order):
    """An upload in fragments, as a tunnel on the way may make them."""
    c = net.opened(v)
    pool = net.pool(v)
    seg = c.segment("PA", request(pool.host, more="X: " + "y" * 150 + "\r\n"))
    parts = (pieces4 if v == 4 else pieces6)(seg, [0, 64, 128])
    c.note_sent(seg)
    c.snd_nxt = seg.end
    for k in order:
        net.outside.send_ip(parts[k])
    c.expect("A", ack=c.snd_nxt)
    pool.accept(OFFER).expect_text(b"\r\n\r\n")
    c.reset()


@both
def test_missing_fragment_means_silence(net, v):
    c = net.opened(v)
    c.drain(0.02)
    seg = c.segment("PA", b"x" * 200)
    parts = (pieces4 if v == 4 else pieces6)(seg, [0, 64, 128], ident=0x1111)
    for k in (0, 2):
        net.outside.send_ip(parts[k])
    c.silence(QUIET)
    c.reset()


@both
def test_overlapping_fragments_are_dropped(net, v):
    """RFC 5722, RFC 8200 section 4.5; for IPv4 the teardrop."""
    c = net.opened(v)
    c.drain(0.02)
    seg = c.segment("PA", b"x" * 200)
    body = seg.tcp()
    if v == 4:
        parts = [ip_packet(seg.src, seg.dst, 6, body[a:b], ident=0x2222, frag=a // 8 | more)
                 for a, b, more in ((0, 72, 0x2000), (64, 136, 0x2000), (128, len(body), 0))]
    else:
        parts = [ip_packet(seg.src, seg.dst, FRAGMENT, struct.pack("!BBHI", 6, 0, a | more, 0x2222) + body[a:b])
                 for a, b, more in ((0, 72, 1), (64, 136, 1), (128, len(body), 0))]
    for part in parts:
        net.outside.send_ip(part)
    c.silence(QUIET)
    c.reset()


def test_tiny_first_fragment_is_dropped(net):
    """RFC 1858: the ports and flags in different fragments."""
    c, seg = syn_of(net)
    dropped(c, seg, *pieces4(seg, [0, 8]))
    c, seg = syn_of(net)
    dropped(c, seg, *pieces4(seg, [0, 16]))


def test_fragment_flood_is_bounded(net):
    """First pieces without end from many: whole segments still get through."""
    seg = net.client().segment("PA", b"x" * 100)
    for n in range(2000):
        net.outside.send_ip(pieces4(seg, [0, 64], ident=n)[n & 1])
    alive(net)


def test_ping_of_death_is_dropped(net):
    for offset in (8191, 8189, 8000):
        net.outside.send_ip(ip_packet(CLIENT[4], GW4, 1, b"x" * 1400, ident=0x3333, frag=offset))
        net.outside.send_ip(ip_packet(CLIENT[4], GW4, 6, b"x" * 1400, ident=0x3334, frag=offset))
    alive(net)


# -- IPv6 extension headers ---------------------------------------------------------------------------------


def padded(next_header, words=0):
    """An options header of 8 * (words + 1) bytes, filled with PadN."""
    fill = 8 * (words + 1) - 4
    return struct.pack("!BBBB", next_header, words, 1, fill) + bytes(fill)


@pytest.mark.parametrize("name", ["hop-by-hop", "destination", "both", "routing-done", "atomic-fragment", "pad1",
                                  "long", "unknown-skippable"])
def test_harmless_extension_headers_are_skipped(net, name):
    """RFC 8200 section 4, RFC 6946."""
    c, seg = syn_of(net, 6)
    tcp = seg.tcp()
    first, ext = {
        "hop-by-hop": (HOP, padded(6)),
        "destination": (DEST, padded(6)),
        "both": (HOP, padded(DEST) + padded(6)),
        "routing-done": (ROUTING, struct.pack("!BBBBI", 6, 0, 0, 0, 0)),
        "atomic-fragment": (FRAGMENT, struct.pack("!BBHI", 6, 0, 0, 77)),
        "pad1": (DEST, struct.pack("!BB", 6, 0) + bytes(6)),
        "long": (DEST, padded(6, 15)),
        "unknown-skippable": (DEST, struct.pack("!BBBB", 6, 0, 0x1e, 4) + b"abcd"),
    }[name]
    taken(c, seg, ip_packet(seg.src, seg.dst, first, ext + tcp))


@pytest.mark.parametrize("name", ["routing-on", "hop-by-hop-late", "unknown-discard", "unknown-report", "tlv-too-long",
                                  "runs-out", "no-next-header", "many", "esp", "unknown-header", "zero-payload"])
def test_harmful_extension_headers_are_dropped(net, name):
    c, seg = syn_of(net, 6)
    tcp = seg.tcp()
    first, body = {
        "routing-on": (ROUTING, struct.pack("!BBBBI", 6, 2, 0, 1, 0) + frames.packed(GW6) + tcp),
        "hop-by-hop-late": (DEST, padded(HOP) + padded(6) + tcp),
        "unknown-discard": (DEST, struct.pack("!BBBB", 6, 0, 0x5e, 4) + b"abcd" + tcp),
        "unknown-report": (DEST, struct.pack("!BBBB", 6, 0, 0xde, 4) + b"abcd" + tcp),
        "tlv-too-long": (DEST, struct.pack("!BBBB", 6, 0, 1, 200) + b"abcd" + tcp),
        "runs-out": (DEST, struct.pack("!BB", 6, 200) + bytes(6) + tcp),
        "no-next-header": (NONE, tcp),
        "many": (DEST, padded(DEST) * 40 + padded(6) + tcp),
        "esp": (50, tcp),
        "unknown-header": (253, tcp),
        "zero-payload": (6, b""),
    }[name]
    dropped(c, seg, ip_packet(seg.src, seg.dst, first, body))


# -- ARP ----------------------------------------------------------------------------------------------------


def arp(op, sha, spa, tha, tpa, hrd=1, pro=0x0800, hln=6, pln=4):
    mac = [bytes.fromhex(m.replace(":", "")) for m in (sha, tha)]
    return struct.pack("!HHBBH", hrd, pro, hln, pln, op) + mac[0] + socket.inet_aton(spa) + mac[1] + \
        socket.inet_aton(tpa)


def send_arp(station, body, dst="ff:ff:ff:ff:ff:ff", src=None):
    macs = bytes.fromhex((dst + (src or station.mac)).replace(":", ""))
    station.send_frame(macs + b"\x08\x06" + body)


def arp_reply(station, within, body, **fields):
    before = len(station.questions)
    send_arp(station, body, **fields)
    return station.wait(lambda: next((q for q in station.questions[before:] if q[0] == "arp" and q[1] == 2), None),
                        within)


ZERO = "00:00:00:00:00:00"


@pytest.mark.parametrize("address", [GW4, GW4_SECOND])
def test_arp_request_is_answered(net, address):
    s = net.outside
    got = arp_reply(s, 1.0, arp(1, s.mac, "203.0.113.77", ZERO, address))
    sha = got[4][22:28].hex(":")
    assert (got[2], got[3], sha) == (address, "203.0.113.77", s.gateway_mac)
    assert got[4][:6].hex(":") == s.mac


def test_arp_probe_is_answered(net):
    """RFC 5227: somebody wants our address and asks from 0.0.0.0."""
    s = net.outside
    assert arp_reply(s, 1.0, arp(1, s.mac, "0.0.0.0", ZERO, GW4))


@pytest.mark.parametrize("name", ["other", "conflict", "off-link", "group-sender", "hardware", "protocol", "lengths",
                                  "reply", "inside-address"])
def test_bad_arp_is_not_answered(net, name):
    s = net.outside
    body = {
        "other": arp(1, s.mac, "203.0.113.78", ZERO, "203.0.113.12"),
        "conflict": arp(1, s.mac, GW4, ZERO, GW4),
        "off-link": arp(1, s.mac, "192.0.2.1", ZERO, GW4),
        "group-sender": arp(1, "01:00:00:00:00:01", "203.0.113.78", ZERO, GW4),
        "hardware": arp(1, s.mac, "203.0.113.78", ZERO, GW4, hrd=6),
        "protocol": arp(1, s.mac, "203.0.113.78", ZERO, GW4, pro=0x86dd),
        "lengths": arp(1, s.mac, "203.0.113.78", ZERO, GW4, hln=8),
        "reply": arp(2, s.mac, "203.0.113.78", s.gateway_mac, GW4),
        "inside-address": arp(1, s.mac, "203.0.113.78", ZERO, INNER4),
    }[name]
    assert arp_reply(s, QUIET, body) is None
    alive(net)


def test_neighbour_that_moves_is_followed(net):
    """A gratuitous ARP after a fail-over: the next frame goes to the new MAC."""
    s, address = net.outside, "203.0.113.120"
    c = net.client(address=address)
    c.open(OFFER)
    moved = "02:00:00:00:00:aa"
    send_arp(s, arp(1, moved, address, ZERO, address), src=moved)
    seen = []
    original = s._frame
    s._frame = lambda frame, now: (seen.append(frame[:6].hex(":")), original(frame, now))
    c.data(request(net.pool().host))
    c.expect("A", ack=c.snd_nxt)
    s._frame = original
    assert moved in seen
    c.reset()


# -- neighbour discovery --------------------------------------------------------------------------------------


def solicited_node(address):
    last = frames.packed(address)[-3:]
    return socket.inet_ntop(socket.AF_INET6, bytes.fromhex("ff0200000000000000000001ff") + last)


def advertised(net, packet_bytes, within=1.0, dst_mac=None, station=None):
    s = station or net.outside
    before = len(s.questions)
    s.send_ip(packet_bytes, dst_mac=dst_mac)
    return s.wait(lambda: next((q for q in s.questions[before:] if q[0] == "nd" and q[1] == 136), None), within)


ASKER = "2001:db8:1::77"


@pytest.mark.parametrize("how", ["group", "unicast", "no-option"])
def test_neighbour_solicitation_is_answered(net, how):
    """RFC 4861 section 7.2.4: solicited, override, with our MAC, hop limit 255."""
    s = net.outside
    dst = GW6 if how == "unicast" else solicited_node(GW6)
    mac = s.gateway_mac if how == "unicast" else "33:33:ff:" + dst_tail(dst)
    got = advertised(net, neighbour_message(135, ASKER, dst, GW6, s.mac, option=how != "no-option"), dst_mac=mac)
    assert got and got[3] == GW6
    ip = got[4][14:]
    flags = struct.unpack_from("!I", ip, 44)[0]
    assert ip[7] == 255 and flags & 0x40000000 and not flags & 0x80000000
    assert ip[64:66] == b"\x02\x01" and ip[66:72].hex(":") == s.gateway_mac
    assert socket.inet_ntop(socket.AF_INET6, ip[24:40]) == ASKER


def dst_tail(address):
    return frames.packed(address)[-3:].hex(":")


def test_duplicate_address_detection_is_answered_to_all(net):
    """RFC 4862 section 5.4.3, RFC 4861 section 7.2.4."""
    dst = solicited_node(GW6)
    got = advertised(net, neighbour_message(135, "::", dst, GW6, net.outside.mac, option=False),
                     dst_mac="33:33:ff:" + dst_tail(dst))
    ip = got[4][14:]
    assert socket.inet_ntop(socket.AF_INET6, ip[24:40]) == "ff02::1"
    assert not struct.unpack_from("!I", ip, 44)[0] & 0x40000000


@pytest.mark.parametrize("name", ["hop-limit", "checksum", "code", "other-target", "group-target", "option-of-0",
                                  "option-too-long", "cut", "off-link", "dad-with-option"])
def test_bad_solicitations_are_not_answered(net, name):
    """RFC 4861 section 7.1.1."""
    s = net.outside
    good = neighbour_message(135, ASKER, GW6, GW6, s.mac)

    def summed(body, src=ASKER):
        body = body[:2] + b"\0\0" + body[4:]
        total = frames.checksum(frames.pseudo(src, GW6, frames.ICMP6, len(body)) + body)
        return ip_packet(src, GW6, frames.ICMP6, body[:2] + struct.pack("!H", total) + body[4:], 255)

    body = good[40:]
    bad = {
        "hop-limit": neighbour_message(135, ASKER, GW6, GW6, s.mac, hops=254),
        "checksum": good[:42] + b"\x12\x34" + good[44:],
        "code": summed(body[:1] + b"\1" + body[2:]),
        "other-target": neighbour_message(135, ASKER, GW6, "2001:db8:1::12", s.mac),
        "group-target": neighbour_message(135, ASKER, GW6, "ff02::1", s.mac),
        "option-of-0": summed(body[:24] + b"\1\0" + body[26:]),
        "option-too-long": summed(body[:24] + b"\1\5" + body[26:]),
        "cut": summed(body[:20]),
        "off-link": neighbour_message(135, "2001:db8:99::1", GW6, GW6, s.mac),
        "dad-with-option": neighbour_message(135, "::", solicited_node(GW6), GW6, s.mac),
    }[name]
    assert advertised(net, bad, QUIET) is None
    alive(net)


def test_router_advertisements_and_redirects_change_nothing(net):
    """Routes are configured; nobody on the link may move them."""
    s = net.outside
    for kind in (134, 137):
        body = struct.pack("!BBHI", kind, 0, 0, 0x40000708) + frames.packed("fe80::bad") + frames.packed("2001:db8:2::7")
        total = frames.checksum(frames.pseudo("fe80::1", GW6, frames.ICMP6, len(body)) + body)
        s.send_ip(ip_packet("fe80::1", GW6, frames.ICMP6, body[:2] + struct.pack("!H", total) + body[4:], 255))
    before = len(s.questions)
    c = net.client(6, address="2001:db8:2::7")
    c.open(OFFER)
    c.reset()
    assert not [q for q in s.questions[before:] if q[3].startswith("fe80")]
