# SPDX-License-Identifier: BSD-3-Clause
"""One accepted connection: TLS, requests in order, the connection's authentication, how it ended."""

import base64
import hashlib
import secrets
import select
import socket
import ssl
import struct
import time

import handlers

MAX_HEAD = 16 * 1024 * 1024
REASONS = {100: "Continue", 103: "Early Hints", 200: "OK", 204: "No Content", 304: "Not Modified",
           401: "Unauthorized", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}


class PeerClosed(Exception):
    """The other side ended the connection; how: fin, rst or tls (an error of the TLS layer)."""

    def __init__(self, how, notified=False):
        super().__init__(how)
        self.how = how
        self.notified = notified


class CloseNow(Exception):
    """A handler wants the connection closed by us."""


class Request:
    def __init__(self, head):
        self.head = head
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.method, self.target, self.version = (lines[0].split(" ") + ["", ""])[:3]
        self.headers = []
        for line in lines[1:]:
            if line:
                name, _, value = line.partition(":")
                self.headers.append((name, value.strip()))
        self.path, _, query = self.target.partition("?")
        self.query = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
        self.body_len = 0
        self.body_sha256 = None

    def get(self, name, default=""):
        return next((v for n, v in self.headers if n.lower() == name.lower()), default)

    @property
    def keep_alive(self):
        wish = self.get("connection").lower()
        return "keep-alive" in wish if self.version == "HTTP/1.0" else "close" not in wish


class Connection:
    def __init__(self, sock, peer, role, port, context, log, ident):
        self.sock, self.role, self.port, self.context = sock, role, port, context
        self.log, self.ident = log, ident
        self.peer = peer[0]
        self.peer_port = peer[1]
        self.tls_info = {}
        self.requests = 0
        self.user = None
        self.nonce = None
        self.bytes_out = 0
        self.during = "idle"
        self._pending = b""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -- life -----------------------------------------------------------------------------------

    def event(self, name, **fields):
        self.log.write(name, conn=self.ident, role=self.role, port=self.port, **fields)

    def run(self):
        handlers.LIVE[self.ident] = self
        self.event("open", peer=self.peer, peer_port=self.peer_port, tls=self.context is not None)
        how, notified = "us", False
        try:
            self._handshake()
            while self._serve_one():
                pass
            self._graceful_end()
        except PeerClosed as end:
            how, notified = end.how, end.notified
        except CloseNow:
            pass
        except OSError as error:
            how = "rst" if isinstance(error, (ConnectionResetError, BrokenPipeError)) else "error: " + str(error)
        finally:
            del handlers.LIVE[self.ident]
            self.event("close", how=how, notified=notified, during=self.during, requests=self.requests,
                       bytes_out=self.bytes_out)
            self.sock.close()

    def _handshake(self):
        if not self.context:
            return
        self.during = "handshake"
        try:
            self.sock = self.context.wrap_socket(self.sock, server_side=True, suppress_ragged_eofs=False)
        except ssl.SSLError as error:
            self.event("tls-failed", error=str(error))
            raise PeerClosed("tls") from None
        self.tls_info = {"version": self.sock.version(), "cipher": self.sock.cipher()[0],
                         "sni": getattr(self.sock, "server_sni", None), "resumed": self.sock.session_reused}
        self.event("tls", **self.tls_info)
        self.during = "idle"

    def _graceful_end(self):
        """Our half-close, then whatever the peer still sends until its FIN."""
        if self.context:
            try:
                self.sock.settimeout(2)
                self.sock = self.sock.unwrap()
            except (OSError, ssl.SSLError):
                return
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(2)
            while self.sock.recv(65536):
                pass
        except OSError:
            pass

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise CloseNow

    # -- bytes ----------------------------------------------------------------------------------

    def _recv(self, size=65536):
        """At least one byte, or PeerClosed with the way in which the peer closed."""
        try:
            data = self.sock.recv(size)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise PeerClosed("fin") from None
        except ssl.SSLError as error:
            raise PeerClosed("tls: " + str(error)) from None
        except ConnectionResetError:
            raise PeerClosed("rst") from None
        if not data:
            raise PeerClosed(self._raw_end() if self.context else "fin", notified=self.context is not None)
        return data

    def _raw_end(self):
        """After close_notify: how TCP itself ends, waited for a little."""
        if not select.select([self.sock], [], [], 2)[0]:
            return "open"
        try:
            return "fin" if not socket.socket.recv(self.sock, 1) else "data"
        except ConnectionResetError:
            return "rst"

    def peer_left(self, timeout):
        """Waits for `timeout` seconds; raises PeerClosed as soon as the peer ends the connection."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.sock], [], [], left)[0]:
                return
            self._pending += self._recv()

    def read_head(self):
        while True:
            end = self._pending.find(b"\r\n\r\n")
            if end >= 0:
                head, self._pending = self._pending[:end + 4], self._pending[end + 4:]
                return head
            if len(self._pending) > MAX_HEAD:
                raise CloseNow
            self._pending += self._recv()

    def _read_exact(self, count):
        """Yields pieces that sum up to count."""
        while count:
            if not self._pending:
                self._pending = self._recv()
            piece, self._pending = self._pending[:count], self._pending[count:]
            count -= len(piece)
            yield piece

    def _read_line(self):
        while b"\r\n" not in self._pending:
            self._pending += self._recv()
        line, self._pending = self._pending.split(b"\r\n", 1)
        return line

    def _body_pieces(self, request):
        if request.get("transfer-encoding").lower() == "chunked":
            while size := int(self._read_line().split(b";")[0], 16):
                yield from self._read_exact(size)
                self._read_line()
            while self._read_line():
                pass
        else:
            yield from self._read_exact(int(request.get("content-length", "0") or "0"))

    def read_body(self, request, rate=0):
        """Reads and hashes the body, at `rate` bytes per second where one is given."""
        digest, begin = hashlib.sha256(), time.monotonic()
        for piece in self._body_pieces(request):
            digest.update(piece)
            request.body_len += len(piece)
            if rate:
                time.sleep(max(0.0, begin + request.body_len / rate - time.monotonic()))
        request.body_sha256 = digest.hexdigest()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise PeerClosed("fin") from None
        except (ConnectionResetError, BrokenPipeError):
            raise PeerClosed("rst") from None
        self.bytes_out += len(data)

    def send_head(self, status, headers):
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def respond(self, request, status, headers, body=b""):
        headers = list(headers)
        if status not in (204, 304):
            headers.append(("Content-Length", len(body)))
        headers.append(("X-Backend", self.role))
        if not request.keep_alive:
            headers.append(("Connection", "close"))
        self.send_head(status, headers)
        if request.method != "HEAD" and status not in (204, 304) and body:
            self.send(body)

    # -- requests -------------------------------------------------------------------------------

    def _serve_one(self):
        self.during = "idle"
        request = Request(self.read_head())
        self.requests += 1
        self.during = request.path
        self.event("request", n=self.requests, line=request.line, host=request.get("host"), peer=self.peer,
                   peer_port=self.peer_port, tls=self.context is not None, sni=self.tls_info.get("sni"),
                   head_b64=base64.b64encode(request.head).decode())
        self._authenticate(request)
        keep = handlers.dispatch(self, request)
        self.event("answered", n=self.requests, line=request.line, user=self.user, body_len=request.body_len,
                   body_sha256=request.body_sha256)
        return keep and request.keep_alive

    def _authenticate(self, request):
        """NTLM's state belongs to the TCP connection, as at IIS."""
        request.ntlm = handlers.ntlm_step(self, request)

    def new_nonce(self):
        self.nonce = secrets.token_bytes(8)
        return self.nonce


