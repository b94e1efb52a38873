# SPDX-License-Identifier: BSD-3-Clause
"""Raw Ethernet frames: building, sending, sniffing; and a tagger for VLANs where the kernel has none."""

import ipaddress
import select
import socket
import struct
import threading
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID = 0x10
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
SYN, RST, ACK = 0x02, 0x04, 0x10


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packed(address):
    return ipaddress.ip_address(address).packed


def pseudo(src, dst, proto, length):
    if ":" in src:
        return packed(src) + packed(dst) + struct.pack("!II", length, proto)
    return packed(src) + packed(dst) + struct.pack("!BBH", 0, proto, length)


def ip(src, dst, proto, body, ttl=64):
    if ":" in src:
        return struct.pack("!IHBB", 0x60000000, len(body), proto, ttl) + packed(src) + packed(dst) + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0x1234, 0, ttl, proto, 0) + packed(src) + packed(dst)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def icmp_echo(src, dst, data=b"ping", ident=77, number=1):
    v6 = ":" in src
    head = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, ident, number) + data
    total = checksum((pseudo(src, dst, ICMP6, len(head)) if v6 else b"") + head)
    return ip(src, dst, ICMP6 if v6 else ICMP, head[:2] + struct.pack("!H", total) + head[4:])


def udp(src, dst, sport, dport, data=b"udp"):
    head = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    total = checksum(pseudo(src, dst, UDP, len(head)) + head) or 0xffff
    return ip(src, dst, UDP, head[:6] + struct.pack("!H", total) + data)


def tcp(src, dst, sport, dport, flags, seq=1000, ack=0, data=b"", options=b"", bad_checksum=False):
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, offset, flags, 65535, 0, 0) + options + data
    total = checksum(pseudo(src, dst, TCP, len(head)) + head) ^ (0x5555 if bad_checksum else 0)
    return ip(src, dst, TCP, head[:16] + struct.pack("!H", total) + head[18:])


def ethernet(dst, src, packet, vlan=None):
    kind = 0x86dd if packet[0] >> 4 == 6 else 0x0800
    tag = struct.pack("!HH", 0x8100, vlan) if vlan is not None else b""
    mac = [bytes.fromhex(address.replace(":", "")) for address in (dst, src)]
    return mac[0] + mac[1] + tag + struct.pack("!H", kind) + packet


class Wire:
    """An AF_PACKET socket on one interface of a namespace: sends frames, sees all that arrive."""

    def __init__(self, space, interface):
        with space.entered():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.sock.bind((interface, ETH_P_ALL))
        self.mac = space.mac(interface)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, frame):
        self.sock.send(frame.ljust(60, b"\0"))

    def receive(self):
        """One frame that came in (not one that this machine sent), with its VLAN tag put back, or None."""
        frame, control, _, address = self.sock.recvmsg(65536, 256)
        if address[2] == socket.PACKET_OUTGOING:
            return None
        for level, kind, data in control:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, *_, tci, _ = struct.unpack("IIIHHHH", data[:20])
                if status & TP_STATUS_VLAN_VALID:
                    frame = frame[:12] + struct.pack("!HH", 0x8100, tci) + frame[12:]
        return frame

    def collect(self, seconds, until=None):
        """Frames that come in during `seconds`, or up to the first for which until(frame)."""
        frames, deadline = [], time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and select.select([self.sock], [], [], left)[0]:
            frame = self.receive()
            if frame is None:
                continue
            frames.append(frame)
            if until and until(frame):
                break
        return frames

    def waiting(self):
        """What has arrived so far."""
        frames = []
        while select.select([self.sock], [], [], 0)[0]:
            frames.append(self.receive())
        return [frame for frame in frames if frame]


class Tagger(threading.Thread):
    """
    Puts an 802.1Q tag on what `plain` receives and sends it on `tagged`, and back. In the place of a
    kernel VLAN device, which not every kernel has.
    """

    def __init__(self, plain, tagged, vlan):
        super().__init__(daemon=True)
        self.plain, self.tagged, self.vlan = plain, tagged, vlan
        self.seen_tags = set()
        self._end, self._stop_end = socket.socketpair()

    def run(self):
        while True:
            ready = select.select([self.plain.sock, self.tagged.sock, self._end], [], [])[0]
            if self._end in ready:
                return
            if self.plain.sock in ready and (frame := self.plain.receive()):
                self.tagged.sock.send(frame[:12] + struct.pack("!HH", 0x8100, self.vlan) + frame[12:])
            if self.tagged.sock in ready and (frame := self.tagged.receive()):
                self._untag(frame)

    def _untag(self, frame):
        kind, tci = struct.unpack_from("!HH", frame, 12)
        self.seen_tags.add(tci & 0xfff if kind == 0x8100 else None)
        if kind == 0x8100 and tci & 0xfff == self.vlan:
            self.plain.sock.send(frame[:12] + frame[16:])

    def stop(self):
        self._stop_end.close()
        self.join(5)
