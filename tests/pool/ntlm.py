# SPDX-License-Identifier: BSD-3-Clause
"""
The three NTLM messages (MS-NLMP 2.2.1), enough of them to authenticate a connection the way IIS does.
No cryptography: the emulator believes the user name, but only on the connection that it challenged.
"""

import base64
import struct

SIGNATURE = b"NTLMSSP\0"
FLAGS = 0x00000205 | 0x00008000  # Unicode, request target, NTLM, always sign
NEGOTIATE, CHALLENGE, AUTHENTICATE = 1, 2, 3


def _field(data, offset):
    return struct.pack("<HHI", len(data), len(data), offset)


def negotiate():
    return SIGNATURE + struct.pack("<II", NEGOTIATE, FLAGS) + bytes(16)


def challenge(nonce, target="LYNC"):
    name = target.encode("utf-16-le")
    info = struct.pack("<HH", 2, len(name)) + name + struct.pack("<HH", 0, 0)
    head = SIGNATURE + struct.pack("<I", CHALLENGE) + _field(name, 48)
    head += struct.pack("<I", FLAGS | 0x00810000) + nonce + bytes(8) + _field(info, 48 + len(name))
    return head + name + info


def authenticate(user, nonce, domain="LYNC"):
    """Our own clients name the challenge in the workstation field, so that the emulator can compare."""
    station = "nonce-" + nonce.hex()
    parts = [bytes(24), bytes(24), domain.encode("utf-16-le"), user.encode("utf-16-le"),
             station.encode("utf-16-le"), b""]
    offset, fields = 64, b""
    for part in parts:
        fields += _field(part, offset)
        offset += len(part)
    return SIGNATURE + struct.pack("<I", AUTHENTICATE) + fields + struct.pack("<I", FLAGS) + b"".join(parts)


def message_type(message):
    if len(message) < 12 or not message.startswith(SIGNATURE):
        return None
    return struct.unpack_from("<I", message, 8)[0]


def nonce_of(message):
    return message[24:32]


def _text(message, at):
    length, _, offset = struct.unpack_from("<HHI", message, at)
    return message[offset:offset + length].decode("utf-16-le", "replace")


def user_of(message):
    return _text(message, 36)


def answers(message, nonce):
    """False where the client says which challenge it answers, and it is another connection's."""
    station = _text(message, 44)
    return not station.startswith("nonce-") or station == "nonce-" + nonce.hex()


def header(message, scheme="NTLM"):
    return scheme + " " + base64.b64encode(message).decode()


def parse_header(value):
    """-> (scheme, message); the message is None where the field holds no NTLM message."""
    scheme, _, token = value.partition(" ")
    try:
        message = base64.b64decode(token.strip(), validate=True)
    except ValueError:
        return scheme, None
    return scheme, message if message_type(message) else None
