# SPDX-License-Identifier: BSD-3-Clause
"""
Both neighbours of the gateway, played without a kernel's TCP: a Station owns one end of a veth pair, answers ARP
and neighbour discovery, and hands each segment to the Tcp (a scripted connection end) that it belongs to.

    front = net.client()                      # somebody outside
    front.send("S", options=mss(1460))
    synack = front.expect("SA")
    front.send("A")
    front.silence(0.5)

Numbers are absolute; front.snd_nxt and front.rcv_nxt follow what was sent and what came in order. Each segment of
the gateway goes through monitor.py, and what is wrong with it fails the test.
"""

import random
import select
import socket
import struct
import threading
import time

import frames
import packet
from monitor import Monitor, relative
from packet import MASK, Segment, diff

ARP, IP4, IP6 = 0x0806, 0x0800, 0x86dd
DEFAULT_WITHIN = 2.0


class Unexpected(AssertionError):
    pass


class Tcp:
    """One scripted end. It never acknowledges or retransmits by itself: a test says each segment."""

    def __init__(self, station, local, lport, remote, rport, isn=None):
        self.station, self.local, self.lport, self.remote, self.rport = station, local, lport, remote, rport
        self.isn = random.getrandbits(32) if isn is None else isn & MASK
        self.snd_nxt, self.rcv_nxt, self.peer_isn = self.isn, 0, None
        self.window = 65535
        self.ts_recent, self.ts_base = 0, 1 - int(time.monotonic() * 1000)  # so the SYN's is 1, see OFFER
        self.received, self.fin_received = b"", False
        self.inbox, self.trace = [], []
        self.monitor = Monitor()
        self.related = []           # other ends whose story belongs into the report of a failure
        station.register(self)

    def __repr__(self):
        return f"{self.local}:{self.lport} > {self.remote}:{self.rport}"

    # -- sending --------------------------------------------------------------------------------------

    @property
    def ts_on(self):
        return self.monitor.negotiated(packet.TIMESTAMPS)

    def ts_now(self):
        return (self.ts_base + int(time.monotonic() * 1000)) & MASK

    def segment(self, flags="A", data=b"", *, seq=None, ack=None, window=None, options=None, **fields):
        """What send() would send: everything not said follows the connection."""
        if options is None:
            options = b""
            if self.ts_on and "R" not in flags:
                options = b"\1\1" + packet.timestamps(self.ts_now(), self.ts_recent)
        return Segment(self.local, self.remote, self.lport, self.rport, self.snd_nxt if seq is None else seq & MASK,
                       (self.rcv_nxt if "A" in flags else 0) if ack is None else ack & MASK, flags,
                       self.window if window is None else window, data, options, **fields)

    def send(self, flags="A", data=b"", *, bad_checksum=False, offset=None, **fields):
        seg = self.segment(flags, data, **fields)
        self.note_sent(seg)
        if "seq" not in fields:
            self.snd_nxt = seg.end
        self.station.send_ip(seg.packet(bad_checksum=bad_checksum, offset=offset))
        return seg

    def note_sent(self, seg):
        """For segments that a test puts on the wire by itself."""
        with self.station.changed:
            self.monitor.sent(seg, time.monotonic())
            self.trace.append((time.monotonic(), ">", seg))

    # -- receiving ------------------------------------------------------------------------------------

    def arrived(self, seg):
        """From the station's thread, with its lock held."""
        self.trace.append((seg.time, "<", seg))
        for what in self.monitor.received(seg, seg.time):
            self.station.violations.append(f"{self!r}: {what}: {self.show(seg)}")
        if "S" in seg.flags and self.peer_isn is None:
            self.peer_isn, self.rcv_nxt = seg.seq, (seg.seq + 1) & MASK
        elif self.peer_isn is not None and "R" not in seg.flags:
            self._take(seg)
        if seg.ts and (not self.ts_recent or diff(seg.ts[0], self.ts_recent) > 0):
            self.ts_recent = seg.ts[0]
        self.inbox.append(seg)

    def _take(self, seg):
        skip = diff(self.rcv_nxt, seg.seq)
        if 0 <= skip < seg.length or (skip == 0 and seg.length):
            new = seg.data[skip:]
            self.received += new
            self.rcv_nxt = (self.rcv_nxt + len(new) + ("F" in seg.flags)) & MASK
            self.fin_received |= "F" in seg.flags

    def next(self, within):
        """The next segment in the inbox, or None when none comes in time."""
        deadline = time.monotonic() + within
        with self.station.changed:
            while not self.inbox:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self.station.changed.wait(left)
            return self.inbox.pop(0)

    def expect(self, flags, where=None, within=DEFAULT_WITHIN, **fields):
        """
        The next segment, which must have these flags and fields (and make where(segment) true). Bare ACKs
        before it are passed over; anything else that doesn't fit fails.
        """
        deadline = time.monotonic() + within
        while True:
            seg = self.next(max(0.0, deadline - time.monotonic()))
            if seg is None:
                self.fail(f"no {flags} {fields or ''} within {within} s")
            if seg.has(flags) and all(getattr(seg, k) == v for k, v in fields.items()) and (not where or where(seg)):
                return seg
            if not (seg.has("A") and not seg.data):
                self.fail(f"expected {flags} {fields or ''}, got {self.show(seg)}")

    def _until(self, done, what, within):
        """Waits until done(); what came in order by then is no longer in the inbox."""
        deadline = time.monotonic() + within
        with self.station.changed:
            while not done():
                left = deadline - time.monotonic()
                if left <= 0 or any("R" in seg.flags for seg in self.inbox):
                    self.fail(f"no {what} within {within} s")
                self.station.changed.wait(left)
            self.inbox = [seg for seg in self.inbox if "R" in seg.flags or diff(seg.end, self.rcv_nxt) > 0]

    def expect_text(self, text, within=DEFAULT_WITHIN, ack=True):
        """Data that comes in order until all of `text` is there; acknowledged unless told."""
        self._until(lambda: text in self.received, repr(text[:40]), within)
        if ack:
            self.send("A")

    def expect_fin(self, within=DEFAULT_WITHIN):
        """All data and the FIN behind it; acknowledged."""
        self._until(lambda: self.fin_received, "FIN", within)
        self.send("A")

    def wait_end(self, within=DEFAULT_WITHIN):
        """Whatever comes before it: the FIN or RST of the gateway."""
        deadline = time.monotonic() + within
        while True:
            seg = self.next(max(0.0, deadline - time.monotonic()))
            if seg is None:
                self.fail(f"neither FIN nor RST within {within} s")
            if "F" in seg.flags or "R" in seg.flags:
                return seg

    def silence(self, seconds, acks=False):
        """Nothing comes for so long; `acks`: but bare ACKs may."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            seg = self.next(left)
            if seg is not None and not (acks and seg.has("A") and not seg.data):
                self.fail(f"expected silence, got {self.show(seg)}")

    def drain(self, seconds=0.0):
        """All that came so far and comes in the next seconds."""
        deadline, got = time.monotonic() + seconds, []
        while (seg := self.next(max(0.0, deadline - time.monotonic()))) is not None:
            got.append(seg)
        return got

    # -- common steps ---------------------------------------------------------------------------------

    def open(self, options=b"", window=None):
        """The three-way handshake, from our side."""
        self.send("S", options=options, window=window)
        synack = self.expect("SA", ack=self.snd_nxt)
        self.send("A")
        return synack

    def answer(self, options=b"", window=None):
        """The rest of the handshake whose SYN has come."""
        self.send("SA", options=options, window=window)
        self.expect("A", ack=self.snd_nxt)

    def data(self, payload, **fields):
        return self.send("PA", payload, **fields)

    def reset(self):
        """Ends it for good: an RST at exactly what the gateway acknowledged last."""
        def acknowledged():
            return self.monitor.gw_ack is None or (self.isn + self.monitor.gw_ack) & MASK == self.snd_nxt

        with self.station.changed:      # an ACK may be on its way
            at = self.snd_nxt
            if not self.station.changed.wait_for(acknowledged, 0.1):
                at = self.isn + self.monitor.gw_ack
            self.send("R", seq=at)

    # -- failures -------------------------------------------------------------------------------------

    def show(self, seg, begin=None):
        ours = seg.src == self.local and seg.sport == self.lport
        bases = (self.isn, self.peer_isn) if ours else (self.peer_isn, self.isn)
        words = ["" if begin is None else f"{seg.time - begin:8.3f}", seg.flags,
                 f"seq {relative(seg.seq, bases[0])}"]
        if "A" in seg.flags:
            words.append(f"ack {relative(seg.ack, bases[1])}")
        words += [f"win {seg.window}", f"len {len(seg.data)}"]
        if seg.raw_options:
            words.append(f"options {seg.raw_options.hex()}")
        return " ".join(words)

    def story(self):
        """All that went over the wire, numbers relative to the ISNs."""
        with self.station.changed:
            trace = list(self.trace)
        begin = trace[0][0] if trace else 0
        return "\n".join([f"{self!r}:"] + [f"{when - begin:8.3f} {way} {self.show(seg)}"
                                           for when, way, seg in trace[-40:]])

    def fail(self, why):
        others = [end.story() for end in self.related]
        raise Unexpected("\n".join([why, self.story()] + others))


class Listener:
    """Where the gateway connects to: each of its SYNs becomes a Tcp."""

    def __init__(self, station, address, port):
        self.station, self.address, self.port = station, address, port
        self.backlog = []
        with station.changed:
            station.listeners[address, port] = self

    def syn(self, within=DEFAULT_WITHIN, flags="S", **arguments):
        """The next connection, its SYN received and not answered."""
        deadline = time.monotonic() + within
        with self.station.changed:
            while not self.backlog:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Unexpected(f"no SYN to {self.address}:{self.port} within {within} s")
                self.station.changed.wait(left)
            back = self.backlog.pop(0)
        back.first = back.expect(flags, **arguments)
        return back

    def accept(self, options=b"", window=None, within=DEFAULT_WITHIN, flags="S"):
        back = self.syn(within, flags)
        back.answer(options, window)
        return back


class Station(threading.Thread):
    """One machine on the wire with any number of addresses: all that the gateway asks for but its own."""

    def __init__(self, space, interface, gateway_mac, mac, gateway_addresses):
        super().__init__(daemon=True, name=f"station-{interface}")
        self.wire = frames.Wire(space, interface)
        self.mac, self.gateway_mac = mac or self.wire.mac, gateway_mac
        self.gateway_addresses = set(gateway_addresses)
        self.absent = set()         # addresses that nobody answers for
        self.changed = threading.Condition(threading.RLock())
        self.ends, self.listeners = {}, {}
        self.strays, self.others, self.questions = [], [], []
        self.violations = []
        self._end, self._stop_end = socket.socketpair()
        self.start()

    def close(self):
        self._stop_end.close()
        self.join(5)
        self.wire.sock.close()
        self._end.close()

    def register(self, end):
        with self.changed:
            self.ends[end.local, end.lport, end.remote, end.rport] = end

    # -- out ------------------------------------------------------------------------------------------

    def send_frame(self, frame):
        self.wire.send(frame)

    def send_ip(self, ip, dst_mac=None):
        self.send_frame(frames.ethernet(dst_mac or self.gateway_mac, self.mac, ip))

    # -- in -------------------------------------------------------------------------------------------

    def run(self):
        while True:
            ready = select.select([self.wire.sock, self._end], [], [])[0]
            if self._end in ready:
                return
            frame = self.wire.receive()
            if frame:
                with self.changed:
                    try:
                        self._frame(frame, time.monotonic())
                    except (struct.error, IndexError, ValueError) as error:
                        self.violations.append(f"unreadable frame: {error}: {frame.hex()}")
                    self.changed.notify_all()

    def _frame(self, frame, now):
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == ARP:
            self._arp(frame)
            return
        try:
            src, dst, proto, body = packet.parse(frame[14:])
        except packet.Malformed as error:
            self.violations.append(f"malformed packet: {error}: {frame.hex()}")
            return
        if src not in self.gateway_addresses and not src.startswith("fe80"):
            self.violations.append(f"packet from {src}, which is not the gateway's address")
        if proto == frames.TCP:
            body.time = now
            self._segment(body)
        elif proto == frames.ICMP6 and body[0] in (135, 136):
            self._nd(frame, src, dst, body)
        else:
            self.others.append((src, dst, proto, body))

    def _segment(self, seg):
        end = self.ends.get((seg.dst, seg.dport, seg.src, seg.sport))
        listener = self.listeners.get((seg.dst, seg.dport))
        if set(seg.flags) - {"E", "W"} == {"S"} and listener and (end is None or end.peer_isn not in (None, seg.seq)):
            end = Tcp.__new__(Tcp)
            self.ends[seg.dst, seg.dport, seg.src, seg.sport] = end
            end.__init__(self, seg.dst, seg.dport, seg.src, seg.sport)
            listener.backlog.append(end)
        if end:
            end.arrived(seg)
        else:
            self.strays.append(seg)

    def _arp(self, frame):
        op, sha, spa, _, tpa = struct.unpack_from("!H6s4s6s4s", frame, 20)
        wanted = socket.inet_ntoa(tpa)
        self.questions.append(("arp", op, socket.inet_ntoa(spa), wanted, frame))
        if op == 1 and wanted not in self.gateway_addresses and wanted not in self.absent:
            mac = bytes.fromhex(self.mac.replace(":", ""))
            self.send_frame(sha + mac + struct.pack("!HHHBBH", ARP, 1, IP4, 6, 4, 2) + mac + tpa + sha + spa)

    def _nd(self, frame, src, dst, body):
        target = socket.inet_ntop(socket.AF_INET6, body[8:24])
        self.questions.append(("nd", body[0], src, target, frame))
        if body[0] == 135 and target not in self.gateway_addresses and target not in self.absent:
            self.send_ip(neighbour_message(136, target, src, target, self.mac, 0x60000000))

    # -- waiting --------------------------------------------------------------------------------------

    def wait(self, find, within=DEFAULT_WITHIN):
        """find() is asked after each frame until it returns something; that, or None in time."""
        deadline = time.monotonic() + within
        with self.changed:
            while not (found := find()):
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self.changed.wait(left)
            return found


def neighbour_message(kind, src, dst, target, mac, flags=0, hops=255, option=True):
    """An IPv6 packet: neighbour solicitation (135) or advertisement (136)."""
    body = struct.pack("!BBHI", kind, 0, 0, flags) + frames.packed(target)
    if option:
        body += struct.pack("!BB", 1 if kind == 135 else 2, 1) + bytes.fromhex(mac.replace(":", ""))
    total = frames.checksum(frames.pseudo(src, dst, frames.ICMP6, len(body)) + body)
    return packet.ip_packet(src, dst, frames.ICMP6, body[:2] + struct.pack("!H", total) + body[4:], hops)


def icmp_error(src, about, kind, code, rest=0, quoted=None):
    """An ICMP error of `src` about a segment that the gateway sent, quoting its beginning."""
    seg = about if isinstance(about, bytes) else about.packet()
    v6 = ":" in src
    dst = socket.inet_ntop(socket.AF_INET6, seg[8:24]) if v6 else socket.inet_ntoa(seg[12:16])
    body = struct.pack("!BBHI", kind, code, 0, rest) + seg[:quoted or (1232 if v6 else 28)]
    proto = frames.ICMP6 if v6 else frames.ICMP
    total = frames.checksum((frames.pseudo(src, dst, proto, len(body)) if v6 else b"") + body)
    return packet.ip_packet(src, dst, proto, body[:2] + struct.pack("!H", total) + body[4:])
