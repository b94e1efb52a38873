# SPDX-License-Identifier: BSD-3-Clause
"""Pseudo-random bytes that both ends can compute: what /size/N sends and what tests upload."""

import functools
import hashlib
import random

# A prime period: data that is lost, doubled or shifted by any power of two changes the hash.
BLOCK = random.Random(20131123).randbytes(1048573)


def chunks(total, step=65536, offset=0):
    """Yields `total` bytes of the endless sequence, from `offset` on, in pieces of at most `step`."""
    sent = 0
    while sent < total:
        at = (offset + sent) % len(BLOCK)
        piece = BLOCK[at:at + min(step, total - sent)]
        yield piece
        sent += len(piece)


def data(total):
    return b"".join(chunks(total, len(BLOCK)))


@functools.lru_cache(maxsize=None)
def sha256(total):
    digest = hashlib.sha256()
    for piece in chunks(total, len(BLOCK)):
        digest.update(piece)
    return digest.hexdigest()
