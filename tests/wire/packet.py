# SPDX-License-Identifier: BSD-3-Clause
"""TCP segments as Python objects: building them, and reading them with every length and sum checked."""

import dataclasses
import ipaddress
import struct

from frames import TCP, checksum, packed, pseudo

MASK = 0xffffffff
BITS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "W": 128}
EOL, NOP, MSS, WSCALE, SACK_OK, SACK, TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8


def diff(a, b):
    """a - b in sequence space, signed."""
    return ((a - b + 0x80000000) & MASK) - 0x80000000


# -- options: each is bytes, joined and padded by the segment ----------------------------------------


def mss(value):
    return struct.pack("!BBH", MSS, 4, value)


def wscale(shift):
    return struct.pack("!BBB", WSCALE, 3, shift)


def sack_ok():
    return struct.pack("!BB", SACK_OK, 2)


def timestamps(value, echo=0):
    return struct.pack("!BBII", TIMESTAMPS, 10, value & MASK, echo & MASK)


def sack(*blocks):
    edges = [edge & MASK for block in blocks for edge in block]
    return struct.pack(f"!BB{len(edges)}I", SACK, 2 + 4 * len(edges), *edges)


class Malformed(Exception):
    pass


def parse_options(raw):
    """-> [(kind, value)] without NOPs. What follows the end-of-list must be zero (RFC 9293 section 3.1)."""
    found, at = [], 0
    while at < len(raw):
        kind = raw[at]
        if kind == EOL:
            if any(raw[at:]):
                raise Malformed("padding behind the end of the options is not zero")
            break
        if kind == NOP:
            at += 1
            continue
        if len(raw) - at < 2 or raw[at + 1] < 2 or raw[at + 1] > len(raw) - at:
            raise Malformed(f"option {kind} has a bad length")
        found.append((kind, raw[at + 2:at + raw[at + 1]]))
        at += raw[at + 1]
    return found


@dataclasses.dataclass
class Segment:
    src: str
    dst: str
    sport: int
    dport: int
    seq: int
    ack: int = 0
    flags: str = "A"
    window: int = 65535
    data: bytes = b""
    raw_options: bytes = b""
    urgent: int = 0
    reserved: int = 0
    ttl: int = 64
    tos: int = 0
    df: bool = False
    time: float = 0.0
    ip_len: int = 0

    @property
    def options(self):
        """[(kind, value)]; none when they are malformed, as a test's own may be: parse() refuses the gateway's."""
        try:
            return parse_options(self.raw_options)
        except Malformed:
            return []

    def option(self, kind):
        """The value of the first option of that kind, or None."""
        return next((value for k, value in self.options if k == kind), None)

    @property
    def mss(self):
        value = self.option(MSS)
        return None if value is None else struct.unpack("!H", value)[0]

    @property
    def wscale(self):
        value = self.option(WSCALE)
        return None if value is None else value[0]

    @property
    def ts(self):
        """(value, echo) or None."""
        value = self.option(TIMESTAMPS)
        return None if value is None else struct.unpack("!II", value)

    @property
    def sack(self):
        value = self.option(SACK)
        if value is None:
            return []
        edges = struct.unpack(f"!{len(value) // 4}I", value)
        return list(zip(edges[::2], edges[1::2]))

    @property
    def length(self):
        """SEG.LEN: data, SYN and FIN count."""
        return len(self.data) + ("S" in self.flags) + ("F" in self.flags)

    @property
    def end(self):
        return (self.seq + self.length) & MASK

    def has(self, flags):
        """Exactly these flags; PSH is nobody's business."""
        return set(self.flags) - {"P"} == set(flags) - {"P"}

    # -- to bytes -----------------------------------------------------------------------------------

    def tcp(self, bad_checksum=False, offset=None):
        options = self.raw_options + b"\0" * (-len(self.raw_options) % 4)
        words = 5 + len(options) // 4 if offset is None else offset
        flags = sum(BITS[f] for f in self.flags)
        head = struct.pack("!HHIIBBHHH", self.sport, self.dport, self.seq & MASK, self.ack & MASK,
                           words << 4 | self.reserved, flags, self.window, 0, self.urgent) + options + self.data
        total = checksum(pseudo(self.src, self.dst, TCP, len(head)) + head) ^ (0x5555 if bad_checksum else 0)
        return head[:16] + struct.pack("!H", total) + head[18:]

    def packet(self, **tcp):
        return ip_packet(self.src, self.dst, TCP, self.tcp(**tcp), self.ttl, self.tos)


def ip_packet(src, dst, proto, body, ttl=64, tos=0, options=b"", ident=0x1234, frag=0):
    """IPv4 or IPv6 by the addresses; options and fragment field are IPv4's."""
    if ":" in src:
        return struct.pack("!IHBB", 0x60000000 | tos << 20, len(body), proto, ttl) + packed(src) + packed(dst) + body
    ihl = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 0x40 | ihl, tos, 4 * ihl + len(body), ident, frag, ttl, proto, 0) + \
        packed(src) + packed(dst) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


# -- from bytes ---------------------------------------------------------------------------------------


def _ip4(packet):
    version, tos, total, _, frag, ttl, proto, _ = struct.unpack_from("!BBHHHBBH", packet)
    if version != 0x45:
        raise Malformed(f"IPv4 version and header length {version:#x}")
    if total > len(packet) or total < 20:
        raise Malformed(f"IPv4 total length {total} in {len(packet)} bytes")
    if any(packet[total:]) or (packet[total:] and len(packet) > 46):
        raise Malformed("bytes behind the IPv4 packet")
    if checksum(packet[:20]) != 0:
        raise Malformed("IPv4 header checksum")
    if frag & 0x3fff:
        raise Malformed("the gateway sent a fragment")
    src, dst = (str(ipaddress.ip_address(packet[at:at + 4])) for at in (12, 16))
    return src, dst, proto, ttl, tos, bool(frag & 0x4000), packet[20:total]


def _ip6(packet):
    first, length, proto, ttl = struct.unpack_from("!IHBB", packet)
    if 40 + length > len(packet):
        raise Malformed(f"IPv6 payload length {length} in {len(packet)} bytes")
    if len(packet) != 40 + length:
        raise Malformed("bytes behind the IPv6 packet")
    src, dst = (str(ipaddress.ip_address(packet[at:at + 16])) for at in (8, 24))
    return src, dst, proto, ttl, first >> 20 & 0xff, True, packet[40:]


def parse(packet):
    """An IP packet as (src, dst, proto, Segment or payload)."""
    src, dst, proto, ttl, tos, df, body = (_ip6 if packet[0] >> 4 == 6 else _ip4)(packet)
    if ttl == 0:
        raise Malformed("TTL 0")
    if proto != TCP:
        return src, dst, proto, body
    if len(body) < 20:
        raise Malformed("short TCP header")
    if checksum(pseudo(src, dst, TCP, len(body)) + body) != 0:
        raise Malformed("TCP checksum")
    sport, dport, seq, ack, offset, bits, window, _, urgent = struct.unpack_from("!HHIIBBHHH", body)
    header = (offset >> 4) * 4
    if header < 20 or header > len(body):
        raise Malformed(f"TCP data offset {header}")
    flags = "".join(f for f in "SFRPAUEW" if bits & BITS[f])
    segment = Segment(src, dst, sport, dport, seq, ack, flags, window, body[header:], body[20:header], urgent,
                      offset & 15, ttl, tos, df, ip_len=len(body) + (40 if ":" in src else 20))
    parse_options(segment.raw_options)
    return src, dst, proto, segment
