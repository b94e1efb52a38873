# SPDX-License-Identifier: BSD-3-Clause
"""The clients: curl, openssl s_client, and one written by hand that sends and sees each byte."""

import hashlib
import json
import socket
import ssl
import struct
import subprocess
import tempfile

from lab import GW4
import ntlm


class Response:
    def __init__(self, status, version, headers, body=b"", interim=(), complete=True):
        self.status, self.version, self.headers, self.body = status, version, headers, body
        self.interim = list(interim)  # statuses of the 1xx answers before
        self.complete = complete  # False: the connection ended inside
        self.sha256 = hashlib.sha256(body).hexdigest()

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name, default=None):
        return next(iter(self.all(name)), default)

    def json(self):
        return json.loads(self.body)


def parse_head(head):
    lines = head.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    headers = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines[1:] if line)]
    return version, int(rest.split(" ")[0]), headers


class Closed(Exception):
    """The gateway ended the connection; how: fin or rst."""


def tls_client_context(ca, versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), alpn=("http/1.1",)):
    context = ssl.create_default_context(cafile=str(ca))
    context.minimum_version, context.maximum_version = versions
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class Conn:
    """
    A client connection to the gateway. tls=False: port 80. `host` is the server name of TLS and the
    Host of requests that don't bring their own.
    """

    def __init__(self, lab, host, tls=True, port=None, address=GW4, source=None, context=None, timeout=20,
                 receive_buffer=None):
        self.host = host
        self.sock = lab.client.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.sock.bind((source, 0))
        self._buffer = b""
        try:
            self.sock.connect((address, port or (443 if tls else 80)))
            self.local = self.sock.getsockname()
            if tls:
                context = context or tls_client_context(lab.certs.public_ca)
                self.sock = context.wrap_socket(self.sock, server_hostname=host)
        except OSError:
            self.sock.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def request_bytes(self, target, method="GET", headers=(), body=b"", host=None):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host or self.host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body

    def ask(self, target, method="GET", headers=(), body=b"", host=None):
        self.send(self.request_bytes(target, method, headers, body, host))
        return self.response(method)

    def _more(self):
        try:
            data = self.sock.recv(262144)
        except (ConnectionResetError, BrokenPipeError):
            raise Closed("rst") from None
        except ssl.SSLEOFError:
            raise Closed("fin") from None
        if not data:
            raise Closed("fin")
        self._buffer += data

    def read_head(self):
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        return head

    def read(self, count):
        while len(self._buffer) < count:
            self._more()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _line(self):
        while b"\r\n" not in self._buffer:
            self._more()
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line

    def _chunks(self):
        pieces = []
        while size := int(self._line().split(b";")[0], 16):
            pieces.append(self.read(size))
            assert self._line() == b""
        while self._line():
            pass
        return b"".join(pieces)

    def _until_close(self):
        try:
            while True:
                self._more()
        except Closed as end:
            if str(end) != "fin":
                raise
        data, self._buffer = self._buffer, b""
        return data

    def response(self, method="GET"):
        """The next final answer, with the body as its framing says."""
        interim = []
        while True:
            version, status, headers = parse_head(self.read_head())
            if status >= 200:
                break
            interim.append(status)
        answer = Response(status, version, headers, interim=interim)
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif (answer.get("Transfer-Encoding") or "").lower() == "chunked":
            body = self._chunks()
        elif answer.get("Content-Length") is not None:
            body = self.read(int(answer.get("Content-Length")))
        else:
            body = self._until_close()
        return Response(status, version, headers, body, interim)

    def wait_end(self, timeout=10):
        """How the gateway ends the connection: fin or rst. Data that still comes is an error."""
        self.sock.settimeout(timeout)
        try:
            self._more()
        except Closed as end:
            return str(end)
        raise AssertionError(f"data instead of the end: {self._buffer[:200]!r}")

    def ntlm_login(self, user, target="/ntlm/login"):
        """The three messages on this connection; returns the last answer."""
        first = self.ask(target, headers=[("Authorization", ntlm.header(ntlm.negotiate()))])
        assert first.status == 401
        _, challenge = ntlm.parse_header(first.get("WWW-Authenticate"))
        third = ntlm.authenticate(user, ntlm.nonce_of(challenge))
        return self.ask(target, headers=[("Authorization", ntlm.header(third))])


class CurlError(AssertionError):
    def __init__(self, code, text):
        super().__init__(f"curl: exit {code}: {text}")
        self.code = code


def curl_words(lab, url, *options, address=GW4):
    """The words of a curl command line that meets the gateway under the URL's name, for the client's namespace."""
    scheme, _, rest = url.partition("://")
    host = rest.split("/")[0].split("?")[0]
    host, _, port = host.partition(":")
    port = port or ("443" if scheme == "https" else "80")
    where = f"[{address}]" if ":" in address else address
    words = ["curl", "-q", "-sS", "--path-as-is", "--max-time", "60", "--noproxy", "*", "--resolve",
             f"{host}:{port}:{where}", "--cacert", lab.certs.public_ca, *options, url]
    return [str(word) for word in words]


def curl_command(lab, url, *options, address=GW4):
    return lab.client.command(*curl_words(lab, url, *options, address=address))


def curl(lab, url, *options, address=GW4, timeout=70):
    """-> Response of the last exchange, with curl's own figures in .info."""
    with tempfile.NamedTemporaryFile() as heads, tempfile.NamedTemporaryFile() as body:
        command = curl_command(lab, url, "-D", heads.name, "-o", body.name, "-w", "%{json}", *options, address=address)
        result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, timeout=timeout, check=False)
        if result.returncode:
            raise CurlError(result.returncode, result.stderr.strip())
        # Interim answers, earlier answers of a login and trailers stand in the same file.
        parts = [parse_head(part) for part in heads.read().split(b"\r\n\r\n") if part.startswith(b"HTTP/")]
        version, status, headers = parts[-1]
        answer = Response(status, version, headers, body.read(), [part[1] for part in parts if part[1] < 200])
    answer.info = json.loads(result.stdout)
    return answer


def s_client(lab, *options, address=GW4, port=443, text=b"", timeout=20):
    """Output of openssl s_client, standard error included; returns (exit status, text)."""
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    command = lab.client.command("openssl", "s_client", "-connect", where, *options)
    result = subprocess.run([str(word) for word in command], input=text, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, timeout=timeout, check=False)
    return result.returncode, result.stdout.decode(errors="replace")
