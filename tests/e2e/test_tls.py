# SPDX-License-Identifier: BSD-3-Clause
"""TLS towards clients (A19..A21, LY-206..212) and towards the pool (A22, LY-221..225)."""

import ssl
import struct

import pytest

from client import Conn, curl, s_client, tls_client_context
from lab import GW4

LEGACY = 8443


def configure(config, lab):
    names = list(lab.certs.public)
    config["listeners"]["legacy"] = {"bind": f"*:{LEGACY}", "tls": {"certificates": names, "default": "public",
                                                                    "min": "1.0", "max": "1.2"}}
    base = config["pools"]["second"]
    other_ca = str(lab.certs.public_ca)
    config["pools"]["wrong-ca"] = {**base, "tls": {**base["tls"], "ca": other_ca}}
    config["pools"]["wrong-name"] = {**base, "tls": {**base["tls"], "verify_name": "other.lync.internal"}}
    config["routes"] += [{"hosts": ["slow.example.test"], "pool": "wrong-ca"},
                         {"hosts": ["mute.example.test"], "pool": "wrong-name"}]


def served(text):
    """Common name of the certificate that s_client was shown."""
    subjects = [line for line in text.split("\n") if line.startswith("subject=")]
    return subjects[0].split("CN =")[1].strip() if subjects else None


def verified(text):
    return "Verify return code: 0 (ok)" in text


@pytest.mark.parametrize("name, common", [
    (None, "webext.example.test"),
    ("unknown.other.test", "webext.example.test"),
    ("webext.example.test", "webext.example.test"),
    ("meet.example.test", "webext.example.test"),
    ("MEET.Example.TEST", "webext.example.test"),
    ("meet.fabrikam.test", "fabrikam.test"),
    ("fabrikam.test", "fabrikam.test"),
    ("a.b.fabrikam.test", "webext.example.test"),  # a wildcard is one label
    ("lync.contoso.test", "lync.contoso.test"),
])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a19_certificate_by_server_name_with_full_chain(gw, lab, name, common, version):
    option = ["-servername", name] if name else ["-noservername"]
    status, text = s_client(lab, *option, version, "-CAfile", lab.certs.public_ca, "-verify_return_error")
    assert status == 0, text
    assert served(text) == common
    assert verified(text)
    assert text.count("\n   i:") == 2  # LY-209: leaf and intermediate


@pytest.mark.parametrize("version, protocol", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_a20_modern_versions(gw, lab, version, protocol):
    status, text = s_client(lab, version, "-servername", "meet.example.test", "-CAfile", lab.certs.public_ca)
    assert status == 0
    assert f"New, {protocol}" in text or f"Protocol  : {protocol}" in text


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_a20_old_versions_are_refused_on_a_modern_listener(gw, lab, version):
    status, text = s_client(lab, version, "-cipher", "DEFAULT@SECLEVEL=0", "-servername", "meet.example.test")
    assert status != 0
    assert "no peer certificate available" in text
    assert "alert protocol version" in text or "alert number 70" in text


@pytest.mark.parametrize("version, protocol", [("-tls1", "TLSv1"), ("-tls1_1", "TLSv1.1"), ("-tls1_2", "TLSv1.2")])
def test_a20_ly210_legacy_listener(gw, lab, version, protocol):
    status, text = s_client(lab, version, "-cipher", "DEFAULT@SECLEVEL=0", "-servername", "meet.example.test",
                            port=LEGACY)
    assert status == 0, text
    assert f"Protocol  : {protocol}\n" in text


def test_a20_listener_without_tls13(gw, lab):
    status, text = s_client(lab, "-tls1_3", "-servername", "meet.example.test", port=LEGACY)
    assert status != 0
    assert "no peer certificate available" in text


def ssl3_client_hello():
    ciphers = bytes.fromhex("002f0035000a0005")  # RSA with AES, 3DES, RC4
    body = b"\x03\x00" + bytes(range(32)) + b"\0" + struct.pack("!H", len(ciphers)) + ciphers + b"\x01\0"
    handshake = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\x03\x00" + struct.pack("!H", len(handshake)) + handshake


SSL2_HELLO = bytes.fromhex("802e010002001500000010") + bytes.fromhex("0100800300800700c0060040020080040080") + b"\x2f" * 19


@pytest.mark.parametrize("port", [443, LEGACY])
@pytest.mark.parametrize("hello", [ssl3_client_hello(), SSL2_HELLO], ids=["ssl3", "ssl2"])
def test_a20_ly211_ssl3_never(gw, lab, port, hello):
    with lab.client.connect(GW4, port) as sock:
        sock.sendall(hello)
        answer = b""
        try:
            while data := sock.recv(4096):
                answer += data
        except ConnectionResetError:
            pass
    # An alert at most, never a ServerHello.
    assert not answer or answer[0] == 0x15, answer


@pytest.mark.parametrize("offer, chosen", [
    (["h2", "http/1.1"], "http/1.1"),
    (["http/1.1"], "http/1.1"),
    (None, None),
])
def test_a21_ly212_alpn_is_http11(gw, lab, offer, chosen):
    context = tls_client_context(lab.certs.public_ca, alpn=offer)
    with Conn(lab, "meet.example.test", context=context) as conn:
        assert conn.sock.selected_alpn_protocol() == chosen
        assert conn.ask("/alpn").status == 200


def test_a21_curl_that_prefers_http2_speaks_http11(gw, lab):
    answer = curl(lab, "https://meet.example.test/h2", "--http2")
    assert (answer.status, answer.version) == (200, "HTTP/1.1")


def test_no_certificate_of_the_client_is_asked_for(gw, lab):
    """LY-215."""
    _, text = s_client(lab, "-servername", "meet.example.test")
    assert "No client certificate CA names sent" in text


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_ly214_client_resumes_its_session(gw, lab, version):
    context = tls_client_context(lab.certs.public_ca, (version, version))
    with Conn(lab, "meet.example.test", context=context) as conn:
        assert conn.ask("/one").status == 200  # TLS 1.3 tickets come after the handshake
        session = conn.sock.session
    sock = lab.client.connect(GW4, 443)
    with context.wrap_socket(sock, server_hostname="meet.example.test", session=session) as tls:
        assert tls.session_reused


def test_clean_end_of_the_stream(gw, lab):
    """close_notify before FIN: a strict client can tell an end from a cut."""
    context = tls_client_context(lab.certs.public_ca)
    sock = lab.client.connect(GW4, 443)
    with context.wrap_socket(sock, server_hostname="meet.example.test", suppress_ragged_eofs=False) as tls:
        tls.sendall(b"GET /end HTTP/1.1\r\nHost: meet.example.test\r\nConnection: close\r\n\r\n")
        while tls.recv(65536):
            pass  # SSLEOFError here would be the cut


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: meet.example.test\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"A" * 100,
                                  b"\0" * 5000, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"],
                         ids=["plain-http", "record-too-long", "zeros", "truncated-hello"])
def test_what_is_not_tls_is_refused(gw, lab, data):
    with lab.client.connect(GW4, 443) as sock:
        sock.sendall(data)
        sock.settimeout(15)
        answer = b""
        try:
            while piece := sock.recv(4096):
                answer += piece
        except ConnectionResetError:
            pass
    assert not answer or answer[0] == 0x15, answer
    assert curl(lab, "https://meet.example.test/after").status == 200


def test_renegotiation_is_refused(gw, lab):
    """LY-225: nothing depends on it; a client can't make us work by it."""
    _, text = s_client(lab, "-tls1_2", "-servername", "meet.example.test", text=b"R\nQ\n")
    assert "RENEGOTIATING" in text
    assert "no renegotiation" in text or "errno" in text or "error" in text.lower()


@pytest.mark.parametrize("host", ["slow.example.test", "mute.example.test"], ids=["wrong-ca", "wrong-name"])
def test_a22_ly221_pool_certificate_that_does_not_verify(gw, lab, host):
    mark = lab.pool_log.mark()
    with Conn(lab, host) as conn:
        answer = conn.ask("/secret")
    assert answer.status == 503
    assert answer.get("Retry-After")
    assert lab.requests(mark) == []  # nothing was told to a server that isn't the pool's


def test_ly225_sessions_towards_the_pool_are_resumed(gw, lab):
    mark = lab.pool_log.mark()
    for _ in range(4):
        assert curl(lab, "https://webext2.example.test/r").status == 200
    handshakes = lab.pool_events("tls", mark)
    assert len(handshakes) == 4
    assert [h["resumed"] for h in handshakes].count(True) >= 3


@pytest.mark.parametrize("low, high", [("1.2", "1.2"), ("1.3", "1.3")])
def test_ly224_versions_towards_the_pool(gw, lab, low, high):
    lab.stop_pool("second")
    lab.start_pool("second", "--tls-min", low, "--tls-max", high)
    try:
        mark = lab.pool_log.mark()
        assert curl(lab, "https://webext2.example.test/v").status == 200
        assert lab.wait_pool(lambda e: e["ev"] == "tls", since=mark)["version"] == "TLSv" + low
    finally:
        lab.stop_pool("second")
        lab.start_pool("second")
