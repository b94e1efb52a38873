# SPDX-License-Identifier: BSD-3-Clause
"""What must hold for every segment that the gateway sends, whatever a test is about."""

from packet import MASK, MSS, SACK, SACK_OK, TIMESTAMPS, WSCALE, diff

RESET_GRACE = 0.3  # a segment of the gateway may cross our RST on the way
MIN_MSS = 48       # a smaller MSS of ours is not honoured (as in other stacks)
KNOWN_SIZE = {MSS: 2, WSCALE: 1, SACK_OK: 0, TIMESTAMPS: 8}


class Intervals:
    """A union of [start, end)."""

    def __init__(self):
        self.parts = []

    def add(self, start, end):
        if start >= end:
            return
        merged = []
        for a, b in self.parts:
            if b < start or a > end:
                merged.append((a, b))
            else:
                start, end = min(a, start), max(b, end)
        self.parts = sorted(merged + [(start, end)])

    def covers(self, start, end):
        return any(a <= start and end <= b for a, b in self.parts)


class Monitor:
    """
    One connection as seen on the wire. sent() is told of each segment of ours before it leaves; received() returns
    what is wrong with a segment of the gateway. Sequence numbers are kept relative to the two ISNs, from 0 on.
    """

    def __init__(self):
        self.our_isn = self.gw_isn = None
        self.our_syn = self.gw_syn = None
        self.sent_ts = set()
        self.sent_ranges = Intervals()
        self.sent_max = 0           # of ours, relative
        self.gw_max = 0             # of the gateway's, relative
        self.edge = 0               # right edge that we ever promised
        self.gw_edge = None         # right edge that the gateway promised
        self.gw_ack = None
        self.gw_ts = None
        self.gw_fin = None
        self.gw_bytes = {}          # relative position -> byte, of what the gateway sent
        self.our_reset_at = self.gw_reset_at = None

    def sent(self, seg, now):
        if "R" in seg.flags:
            self.our_reset_at = now
        if "S" in seg.flags and self.our_isn is None:
            self.our_isn, self.our_syn = seg.seq, seg
        if seg.ts:
            self.sent_ts.add(seg.ts[0])
        if self.our_isn is not None:
            start = diff(seg.seq, self.our_isn)
            self.sent_max = max(self.sent_max, start + seg.length)
            self.sent_ranges.add(start, start + seg.length)
        if "A" in seg.flags and self.gw_isn is not None:
            ack = diff(seg.ack, self.gw_isn)
            if ack <= self.gw_max:
                shift = 0 if "S" in seg.flags else self.our_shift()
                self.edge = max(self.edge, ack + (seg.window << shift))
        elif "S" in seg.flags:
            self.edge = max(self.edge, 1 + seg.window)

    def negotiated(self, kind):
        return self.our_syn is not None and self.gw_syn is not None and \
            self.our_syn.option(kind) is not None and self.gw_syn.option(kind) is not None

    def our_shift(self):
        return min(self.our_syn.wscale, 14) if self.negotiated(WSCALE) else 0

    def gw_shift(self):
        return self.gw_syn.wscale if self.negotiated(WSCALE) else 0

    # -- the gateway's segments ----------------------------------------------------------------------

    def received(self, seg, now):
        wrong = list(self._always(seg))
        if "R" in seg.flags:
            self.gw_reset_at = now
            if seg.data or set("SFEW") & set(seg.flags) or seg.tos & 3:
                wrong.append("RST with data, SYN, FIN or ECN")
            return wrong
        wrong += self._after_reset(now)
        if "S" in seg.flags:
            wrong += self._syn(seg)
        elif self.gw_isn is None or self.our_isn is None:
            wrong.append("segment without a handshake")
            return wrong
        wrong += self._ecn(seg)
        wrong += self._options(seg)
        wrong += self._acknowledgment(seg)
        wrong += self._text(seg)
        return wrong

    @staticmethod
    def _always(seg):
        if seg.reserved:
            yield f"reserved bits {seg.reserved:#x}"
        if seg.urgent or "U" in seg.flags:
            yield "urgent pointer or flag"
        if seg.ip_len > 1500:
            yield f"IP packet of {seg.ip_len} bytes"
        if len(seg.raw_options) % 4:
            yield "options not padded"
        kinds = [kind for kind, _ in seg.options]
        if len(kinds) != len(set(kinds)):
            yield "option twice"
        for kind, value in seg.options:
            if kind not in KNOWN_SIZE and kind != SACK or len(value) != KNOWN_SIZE.get(kind, len(value)):
                yield f"option {kind} of {len(value)} bytes"

    def _after_reset(self, now):
        if self.our_reset_at is not None and now > self.our_reset_at + RESET_GRACE and self.our_reset_final:
            yield "segment after our RST"
        if self.gw_reset_at is not None:
            yield "segment after the gateway's own RST"

    our_reset_final = False  # set by a test whose RST was exact

    def _syn(self, seg):
        if seg.data:
            yield "data on a SYN"
        if self.gw_isn is None:
            self.gw_isn = seg.seq
            self.gw_max = 1
        elif seg.seq != self.gw_isn:
            yield f"SYN again with another ISN: {seg.seq}, was {self.gw_isn}"
        self.gw_syn = seg
        if seg.mss is None:
            yield "SYN without MSS"
        if "A" in seg.flags and self.our_syn is not None:
            for kind in (WSCALE, SACK_OK, TIMESTAMPS):
                if seg.option(kind) is not None and self.our_syn.option(kind) is None:
                    yield f"option {kind} in the SYN-ACK, not in our SYN"

    def asked_ecn(self, syn):
        """An ECN-setup SYN or SYN-ACK (RFC 3168 section 6.1.1)."""
        return syn is not None and {"E", "W"} & set(syn.flags) == ({"E"} if "A" in syn.flags else {"E", "W"})

    def ecn(self):
        return self.asked_ecn(self.our_syn) and self.asked_ecn(self.gw_syn)

    def _ecn(self, seg):
        """RFC 3168: by agreement only, and ECT(0) and CWR on nothing but new data that the window allows."""
        new = seg.data and self.gw_isn is not None and self.gw_max <= diff(seg.seq, self.gw_isn) \
            and diff(seg.end, self.gw_isn) <= self.edge + ("F" in seg.flags)
        if "S" in seg.flags:
            if "A" in seg.flags and "E" in seg.flags and not self.asked_ecn(self.our_syn):
                yield "ECN in the SYN-ACK, not in our SYN"
            if seg.tos & 3:
                yield "a SYN with ECT"
        elif not self.ecn():
            if {"E", "W"} & set(seg.flags) or seg.tos & 3:
                yield "ECN was not negotiated"
        elif seg.tos & 3 != (2 if new else 0):
            yield f"ECN bits {seg.tos & 3} on {'new data' if new else 'anything but new data'}"
        elif "W" in seg.flags and not new:
            yield "CWR on anything but new data"

    def _options(self, seg):
        syn = "S" in seg.flags
        for kind in (MSS, WSCALE, SACK_OK):
            if not syn and seg.option(kind) is not None:
                yield f"option {kind} without SYN"
        if not syn and (seg.ts is not None) != self.negotiated(TIMESTAMPS):
            yield "timestamps, though not negotiated" if seg.ts else "no timestamps, though negotiated"
        if seg.ts:
            yield from self._timestamps(seg)
        if seg.option(SACK) is not None:
            yield from self._sack(seg)

    def _timestamps(self, seg):
        value, echo = seg.ts
        if self.gw_ts is not None and diff(value, self.gw_ts) < 0:
            yield f"timestamp {value} after {self.gw_ts}"
        self.gw_ts = value
        if "A" in seg.flags and echo not in self.sent_ts:
            yield f"timestamp echo {echo} was never sent"
        if "A" not in seg.flags and echo:
            yield "timestamp echo on a SYN without ACK"

    def _sack(self, seg):
        if not (self.our_syn.option(SACK_OK) is not None and self.gw_syn.option(SACK_OK) is not None):
            yield "SACK, though not negotiated"
            return
        ack = diff(seg.ack, self.our_isn)
        blocks = [(diff(a, self.our_isn), diff(b, self.our_isn)) for a, b in seg.sack]
        if not 1 <= len(blocks) <= (3 if seg.ts else 4):
            yield f"{len(blocks)} SACK blocks"
            return
        for start, end in blocks:
            if start >= end or not self.sent_ranges.covers(start, end):
                yield f"SACK block {start}:{end} of bytes that were never sent"
        # RFC 2883: a report of a duplicate comes first, below the ACK or inside the second block.
        first = blocks[0]
        if first[1] <= ack or any(a <= first[0] and first[1] <= b for a, b in blocks[1:]):
            blocks = blocks[1:]
        for at, (start, end) in enumerate(blocks):
            if start <= ack:
                yield f"SACK block {start}:{end} at the acknowledgment {ack}"
            if any(start <= b and a <= end for a, b in blocks[at + 1:]):
                yield f"SACK blocks overlap or touch: {blocks}"

    def _acknowledgment(self, seg):
        if "A" not in seg.flags:
            if "S" not in seg.flags:
                yield "segment without ACK"
            return
        if self.our_isn is None:
            yield "ACK before our SYN"
            return
        ack = diff(seg.ack, self.our_isn)
        if ack > self.sent_max:
            yield f"ACK {ack}, only {self.sent_max} was sent"
        if self.gw_ack is not None and ack < self.gw_ack:
            yield f"ACK {ack} after {self.gw_ack}"
        self.gw_ack = ack
        edge = ack + (seg.window if "S" in seg.flags else seg.window << self.gw_shift())
        most = "S" in seg.flags and seg.window == 65535   # a SYN's window is not scaled: it can't say more
        if self.gw_edge is not None and edge < self.gw_edge and not most:
            yield f"right edge of the window went from {self.gw_edge} back to {edge}"
        self.gw_edge = max(edge, self.gw_edge or 0)

    def _text(self, seg):
        if "S" in seg.flags:
            return
        start = diff(seg.seq, self.gw_isn)
        end = start + len(seg.data)
        if start < 0:
            yield f"sequence number {start}"
        if seg.data:
            yield from self._payload(seg, start, end)
        if "F" in seg.flags:
            if self.gw_fin is not None and end != self.gw_fin:
                yield f"FIN moved from {self.gw_fin} to {end}"
            if self.gw_fin is None and end < self.gw_max:
                yield f"FIN at {end}, data was sent up to {self.gw_max}"
            self.gw_fin = end
        self.gw_max = max(self.gw_max, end + ("F" in seg.flags))

    def _payload(self, seg, start, end):
        known = self.our_syn.mss
        limit = max(MIN_MSS, known if known is not None else (1220 if ":" in seg.src else 536))
        if len(seg.data) + len(seg.raw_options) > limit:
            yield f"{len(seg.data)} bytes and {len(seg.raw_options)} of options, our MSS is {limit}"
        probe = len(seg.data) == 1 and start == self.edge
        if end > self.edge and not probe:
            yield f"data up to {end}, our window ends at {self.edge}"
        if self.gw_fin is not None and end > self.gw_fin:
            yield f"data up to {end} behind the FIN at {self.gw_fin}"
        for at, byte in enumerate(seg.data, start):
            if self.gw_bytes.setdefault(at, byte) != byte:
                yield f"byte {at} was {self.gw_bytes[at]:#x} and is now {byte:#x}"
                break


def relative(number, base):
    return number if base is None else diff(number & MASK, base)
