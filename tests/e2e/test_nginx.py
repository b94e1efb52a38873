# SPDX-License-Identifier: BSD-3-Clause
"""nginx as a second backend that we didn't write."""

import gzip
import shutil
import time

import pytest

import payload
from client import Conn, curl
from lab import SERVERS

HOST = "nginx.example.test"
CONF = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen {ip}:8080; listen {ip}:4443 ssl;
    ssl_certificate {cert}; ssl_certificate_key {key};
    root {folder}/www;
    location /gzip/ {{ gzip on; gzip_min_length 1; gzip_types *; alias {folder}/www/; }}
    location = /echo {{ return 200 "$host $request_uri $scheme\\n"; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def nginx(lab):
    binary = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert binary, "nginx-light is missing: scripts/test installs it"
    folder = lab.folder / "nginx"
    (folder / "www").mkdir(parents=True)
    (folder / "www" / "file").write_bytes(payload.data(5000000))
    cert, key = lab.certs.pool
    path = folder / "nginx.conf"
    path.write_text(CONF.format(folder=folder, ip=SERVERS["nginx"], cert=cert, key=key))
    folder.chmod(0o755)
    process = lab.start("nginx", lab.inside.command(binary, "-c", path, "-p", folder, "-e", "stderr"))
    wait_listening(lab, process)
    return process


def wait_listening(lab, process):
    """nginx says nothing when it listens: its socket tells."""
    deadline = time.monotonic() + 10
    while True:
        try:
            lab.inside.connect(SERVERS["nginx"], 8080, 1).close()
            return
        except OSError:
            assert process.alive() and time.monotonic() < deadline, lab.logs()
            time.sleep(0.02)


def configure(config, lab):
    base = config["pools"]["second"]
    config["pools"]["nginx"] = {**base, "servers": {"nginx": SERVERS["nginx"]}}
    config["routes"].append({"hosts": [HOST], "pool": "nginx", "http": "forward"})


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_file(gw, lab, nginx, scheme):
    answer = curl(lab, f"{scheme}://{HOST}/file")
    assert (answer.status, answer.sha256) == (200, payload.sha256(5000000))
    assert answer.get("Server").startswith("nginx")


def test_range_and_conditional(gw, lab, nginx):
    part = curl(lab, f"https://{HOST}/file", "-r", "1000000-1999999")
    assert (part.status, part.body) == (206, payload.data(2000000)[1000000:])
    unchanged = curl(lab, f"https://{HOST}/file", "-H", f"If-None-Match: {part.get('ETag')}")
    assert (unchanged.status, unchanged.body) == (304, b"")


def test_compressed_chunks_pass_untouched(gw, lab, nginx):
    raw = curl(lab, f"https://{HOST}/gzip/file", "-H", "Accept-Encoding: gzip")
    assert raw.get("Content-Encoding") == "gzip"
    assert raw.get("Transfer-Encoding") == "chunked"
    assert gzip.decompress(raw.body) == payload.data(5000000)


def test_keep_alive_pipelining_and_errors(gw, lab, nginx):
    with Conn(lab, HOST) as conn:
        conn.send(b"".join(conn.request_bytes(t) for t in ("/echo", "/missing", "/file", "/echo?x=%2F")))
        answers = [conn.response() for _ in range(4)]
    assert [a.status for a in answers] == [200, 404, 200, 200]
    assert answers[0].body.decode() == f"{HOST} /echo https\n"
    assert answers[2].sha256 == payload.sha256(5000000)
    assert answers[3].body.decode() == f"{HOST} /echo?x=%2F https\n"


def test_head(gw, lab, nginx):
    with Conn(lab, HOST) as conn:
        answer = conn.ask("/file", "HEAD")
        assert (answer.status, answer.get("Content-Length")) == (200, "5000000")
        assert conn.ask("/echo").status == 200


def test_http10_client(gw, lab, nginx):
    answer = curl(lab, f"https://{HOST}/file", "--http1.0")
    assert answer.sha256 == payload.sha256(5000000)


def test_nginx_that_ends_gives_503(gw, lab, nginx):
    nginx.stop()
    lab.processes.remove(nginx)
    answer = curl(lab, f"https://{HOST}/file")
    assert answer.status == 503
    assert answer.get("Retry-After")
