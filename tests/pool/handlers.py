# SPDX-License-Identifier: BSD-3-Clause
"""
What each path of the emulated pool does. Everything that isn't listed is echoed.

  /abs, /GroupExpansion/service.svc   401 with Negotiate, NTLM and MsRtcOAuth, in this order
  /ntlm...                            asks the connection to authenticate (NTLM), then echoes
  /autodiscover/...root, lyncdiscover.*/   autodiscover document (MS-OCDISCWS 3.1.5.2)
  /poll?s=N                           long poll: answers after N seconds
  /size/N [?rate=B]                   N known bytes with Content-Length     /chunked/N  the same in chunks
  /until-close/N                      N bytes, HTTP/1.0 style, ended by FIN
  /slow?n=N&step=B&ms=M               N bytes in steps of B, M milliseconds apart
  /upload [?rate=B]                   reads the body (at B bytes per second), answers its hash
  /expect401                          final 401 instead of 100
  /status/N, /early-hints, /bighead/N that status; 103 before 200; a response header of N bytes
  /close/before|head|mid|chunk|rst    closes at that point
  /live                               the connections that are open, with their byte counts
"""

import base64
import json
import time

import ntlm
import payload

LIVE = {}  # connection id -> Connection; single dict operations only, which the interpreter lock makes atomic
CHALLENGES = [("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", "NTLM"),
              ("WWW-Authenticate", 'MsRtcOAuth href="https://webext.example.test/WebTicket/oauthtoken",grant_type="password"')]


def json_body(value):
    return (json.dumps(value) + "\n").encode()


def echo(conn, request):
    headers = [("Content-Type", "application/json")]
    body = {"role": conn.role, "port": conn.port, "tls": conn.context is not None, "sni": conn.tls_info.get("sni"),
            "conn": conn.ident, "peer": conn.peer, "peer_port": conn.peer_port, "user": conn.user,
            "method": request.method, "target": request.target, "version": request.version,
            "host": request.get("host"), "headers": request.headers,
            "head_b64": base64.b64encode(request.head).decode(),
            "body_len": request.body_len, "body_sha256": request.body_sha256}
    conn.respond(request, 200, headers, json_body(body))
    return True


# -- authentication of the connection -----------------------------------------------------------

def ntlm_step(conn, request):
    """Advances the connection's state by the Authorization field; returns the challenge to send, if any."""
    _, message = ntlm.parse_header(request.get("authorization"))
    kind = ntlm.message_type(message) if message else None
    if kind == ntlm.NEGOTIATE:
        conn.user = None
        return ntlm.challenge(conn.new_nonce())
    if kind == ntlm.AUTHENTICATE:
        # Without this connection's own challenge before it, the third message proves nothing.
        proven = conn.nonce and ntlm.answers(message, conn.nonce)
        conn.user = ntlm.user_of(message) if proven else None
        conn.nonce = None
    return None


def require_ntlm(conn, request):
    if conn.user:
        return echo(conn, request)
    if request.ntlm:
        conn.respond(request, 401, [("WWW-Authenticate", ntlm.header(request.ntlm))])
    else:
        conn.respond(request, 401, CHALLENGES)
    return True


def challenge_only(conn, request):
    conn.respond(request, 401, CHALLENGES, b"<html>401</html>")
    return True


# -- Lync's own documents -----------------------------------------------------------------------

def autodiscover(conn, request):
    host = request.get("host").split(":")[0]
    root = f"https://{host}/Autodiscover/AutodiscoverService.svc/root"
    if conn.context:
        links = [{"token": "Domain", "href": root + "/domain"}, {"token": "User", "href": root + "/oauth/user"}]
    else:
        links = [{"token": "Redirect", "href": root}]
    document = {"AccessLocation": "External", "Root": {"Links": links}}
    conn.respond(request, 200, [("Content-Type", "application/vnd.microsoft.rtc.autodiscover+json; v=1")],
                 json_body(document))
    return True


# -- bodies -------------------------------------------------------------------------------------

def number(request):
    return int(request.path.rsplit("/", 1)[1])


def size(conn, request):
    total, rate = number(request), int(request.query.get("rate", 0))
    conn.send_head(200, [("Content-Type", "application/octet-stream"), ("Content-Length", total),
                         ("X-Backend", conn.role)])
    if request.method == "HEAD":
        return True
    begin, sent = time.monotonic(), 0
    for piece in payload.chunks(total):
        conn.send(piece)
        sent += len(piece)
        if rate:
            time.sleep(max(0.0, begin + sent / rate - time.monotonic()))
    return True


def chunked(conn, request):
    if request.version == "HTTP/1.0":
        return until_close(conn, request)
    conn.send_head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "X-End")])
    if request.method == "HEAD":
        return True
    for piece in payload.chunks(number(request), 5000):
        conn.send(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece))
    conn.send(b"0\r\nX-End: yes\r\n\r\n")
    return True


def until_close(conn, request):
    conn.send(b"HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n")
    for piece in payload.chunks(number(request)):
        conn.send(piece)
    return False


def slow(conn, request):
    total, step = int(request.query.get("n", 10)), int(request.query.get("step", 1))
    conn.send_head(200, [("Content-Length", total)])
    for piece in payload.chunks(total, step):
        conn.send(piece)
        conn.peer_left(int(request.query.get("ms", 20)) / 1000)
    return True


def poll(conn, request):
    conn.peer_left(float(request.query.get("s", 180)))
    conn.respond(request, 200, [("Content-Type", "application/json")], json_body({"event": "poll ended"}))
    return True


def expect401(conn, request):
    # What the client does with its body is unknown from here on: the connection ends (RFC 9110 10.1.1).
    body = b"no body wanted"
    conn.send_head(401, CHALLENGES + [("Content-Length", len(body)), ("Connection", "close")])
    conn.send(body)
    return False


# -- status and closing -------------------------------------------------------------------------

def status(conn, request):
    code = number(request)
    conn.respond(request, code, [], b"" if code in (204, 304) else b"status %d\n" % code)
    return True


def early_hints(conn, request):
    conn.send_head(103, [("Link", "</style.css>; rel=preload")])
    return echo(conn, request)


def big_head(conn, request):
    conn.respond(request, 200, [("X-Big", "b" * number(request))], b"big head\n")
    return True


def close_at(conn, request):
    point = request.path.rsplit("/", 1)[1]
    if point == "rst":
        conn.reset()
    elif point == "head":
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    elif point == "mid":
        conn.send_head(200, [("Content-Length", 100000)])
        conn.send(payload.data(int(request.query.get("n", 5000))))
    elif point == "chunk":
        conn.send_head(200, [("Transfer-Encoding", "chunked")])
        conn.send(b"400\r\n" + payload.data(100))
    return False


def live(conn, request):
    state = [{"conn": c.ident, "during": c.during, "requests": c.requests, "bytes_out": c.bytes_out}
             for c in list(LIVE.values()) if c is not conn]
    conn.respond(request, 200, [], json_body(state))
    return True


EXACT = {
    "/abs": challenge_only, "/groupexpansion/service.svc": challenge_only, "/live": live,
    "/autodiscover/autodiscoverservice.svc/root": autodiscover, "/poll": poll, "/slow": slow,
    "/early-hints": early_hints,
}
PREFIX = {
    "/ntlm": require_ntlm, "/size/": size, "/chunked/": chunked, "/until-close/": until_close,
    "/status/": status, "/bighead/": big_head, "/close/": close_at,
}


def find(request):
    path = request.path.lower()
    if request.get("host").lower().startswith("lyncdiscover.") and path in ("", "/"):
        return autodiscover
    return EXACT.get(path) or next((h for p, h in PREFIX.items() if path.startswith(p)), echo)


def dispatch(conn, request):
    """Reads the body, answers. Returns whether the connection may go on."""
    if request.path == "/expect401":
        return expect401(conn, request)
    if request.get("expect").lower() == "100-continue":
        conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    conn.read_body(request, int(request.query.get("rate", 0)) if request.path == "/upload" else 0)
    return find(request)(conn, request)
