# SPDX-License-Identifier: BSD-3-Clause
"""What a Lync deployment publishes arrives where it belongs, as it was sent (lync.md sections 1-4)."""

import base64
import hashlib

import pytest

from client import Conn, curl
from lab import INNER4



def test_a1_address_book_asks_for_authentication(gw, lab):
    answer = curl(lab, "https://webext.example.test/abs")
    assert answer.status == 401
    # LY-402: every scheme, in the pool's order.
    assert [value.split(" ")[0] for value in answer.all("WWW-Authenticate")] == ["Negotiate", "NTLM", "MsRtcOAuth"]


def test_a2_group_expansion_asks_for_authentication(gw, lab):
    answer = curl(lab, "https://webext.example.test/GroupExpansion/service.svc")
    assert answer.status == 401
    assert "NTLM" in answer.all("WWW-Authenticate")


@pytest.mark.parametrize("url, target", [
    ("https://webext.example.test/meet", "/meet"),
    ("https://meet.example.test/u/ABC", "/u/ABC"),
])
def test_a3_meeting_pages(gw, lab, url, target):
    answer = curl(lab, url)
    assert answer.status == 200
    assert answer.json()["host"] == url.split("/")[2]
    assert answer.json()["target"] == target


@pytest.mark.parametrize("url", ["https://dialin.example.test/", "https://webext.example.test/dialin"])
def test_a4_dial_in_pages(gw, lab, url):
    answer = curl(lab, url)
    assert answer.status == 200
    assert answer.json()["host"] == url.split("/")[2]


def test_a5_autodiscover_without_accept(gw, lab):
    answer = curl(lab, "https://lyncdiscover.example.test/", "-H", "Accept:")
    assert answer.status == 200
    assert answer.json()["AccessLocation"] == "External"
    assert answer.json()["Root"]["Links"][0]["token"] == "Domain"


def test_a6_autodiscover_root_without_accept(gw, lab):
    answer = curl(lab, "https://webext.example.test/autodiscover/autodiscoverservice.svc/root", "-H", "Accept:")
    assert answer.status == 200
    assert answer.json()["Root"]["Links"]


def test_a7_plain_autodiscover_is_forwarded_to_8080(gw, lab):
    mark = lab.pool_log.mark()
    answer = curl(lab, "http://lyncdiscover.example.test/?sipuri=u@example.test")
    assert answer.status == 200
    assert answer.get("Location") is None
    # LY-414: the "Redirect" link arrives as a body.
    assert answer.json()["Root"]["Links"][0]["token"] == "Redirect"
    request = lab.wait_pool(lambda e: e["ev"] == "request", since=mark)
    assert request["port"] == 8080 and not request["tls"]
    assert request["line"] == "GET /?sipuri=u@example.test HTTP/1.1"


@pytest.mark.parametrize("target", ["/x?y=1", "/", "/a/%2F%252f/..%2f?q=a%20b&c=%C3%A4"])
def test_a8_ly415_other_hosts_are_redirected_to_https(gw, lab, target):
    mark = lab.pool_log.mark()
    answer = curl(lab, "http://meet.example.test" + target)
    assert answer.status in (301, 302, 307, 308)
    assert answer.get("Location") == "https://meet.example.test" + target
    assert lab.requests(mark) == []


def test_a8_redirect_keeps_the_connection_usable(gw, lab):
    with Conn(lab, "meet.example.test", tls=False) as conn:
        for number in range(3):
            assert conn.ask(f"/r{number}").get("Location") == f"https://meet.example.test/r{number}"


def test_ly102_http_off_is_not_served(gw, lab):
    assert curl(lab, "http://webext3.example.test/").status == 404
    assert curl(lab, "https://webext3.example.test/").status == 200


@pytest.mark.parametrize("url, port, tls", [
    ("https://webext.example.test/meet", 4443, True),
    ("https://meet.example.test/u/ABC", 4443, True),
    ("https://dialin.example.test/", 4443, True),
    ("https://lyncdiscover.example.test/", 4443, True),
    ("http://lyncdiscover.example.test/?sipuri=u@example.test", 8080, False),
])
def test_a9_pool_sees_host_port_and_the_gateways_address(gw, lab, url, port, tls):
    mark = lab.pool_log.mark()
    assert curl(lab, url).status == 200
    request = lab.wait_pool(lambda e: e["ev"] == "request", since=mark)
    assert (request["host"], request["port"], request["tls"], request["peer"]) == \
        (url.split("/")[2], port, tls, INNER4)
    if tls:
        # LY-223: the configured name.
        assert request["sni"] == "webext.example.test"


@pytest.mark.parametrize("target", [
    "/m/Presenter.aspx?a=0&embed=%2Fpath%2Fto%2520file.pptx&WopiSrc=https%3A%2F%2Fwebext.example.test%2Fx",
    "/m/%252F%252f/..%2f..%5c/a//b/./c/../d;p=1?x=%00%ff&&y=[]{}|",
    "/p/" + "a" * 4000 + "?" + "q" * 2000,
])
def test_a10_office_web_apps_target_is_byte_identical(gw, lab, target):
    mark = lab.pool_log.mark()
    with Conn(lab, "officewebapps.example.test") as conn:
        answer = conn.ask(target)
    assert answer.status == 200
    request = lab.wait_pool(lambda e: e["ev"] == "request", since=mark)
    assert (request["role"], request["port"], request["tls"]) == ("owas", 443, True)
    assert request["line"] == f"GET {target} HTTP/1.1"


def test_ly401_ly409_end_to_end_fields_pass_untouched(gw, lab):
    fields = [("Host", "webext.example.test"), ("Authorization", "Negotiate " + "YII" * 30), ("Accept-Encoding", "gzip"),
              ("Cookie", "MS-WSMAN=afYfn1WDqqAUZ; b=2"), ("X-Ms-Origin", "https://x"), ("If-None-Match", '"1"'),
              ("cookie", "second=1"), ("X-Empty", ""), ("X-Spaces", "a  b\tc")]
    head = "GET /ucwa/v1 HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n"
    with Conn(lab, "webext.example.test") as conn:
        conn.send(head)
        arrived = base64.b64decode(conn.response().json()["head_b64"]).decode()
    lines = arrived.split("\r\n")
    assert lines[0] == "GET /ucwa/v1 HTTP/1.1"
    assert [line for line in lines[1:] if line] == [f"{n}: {v}" for n, v in fields]


def test_ly404_hop_by_hop_fields_stay_outside(gw, lab):
    head = ("GET /hop HTTP/1.1\r\nHost: webext.example.test\r\nConnection: keep-alive, X-Private\r\n"
            "X-Private: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nX-Public: 2\r\n\r\n")
    with Conn(lab, "webext.example.test") as conn:
        conn.send(head)
        names = {name.lower() for name, _ in conn.response().json()["headers"]}
    assert "x-public" in names
    assert not names & {"x-private", "keep-alive", "proxy-connection"}


@pytest.mark.parametrize("host", ["webext.example.test:443", "WebExt.EXAMPLE.test", "webext.example.test.",
                                  "WEBEXT.example.test.:443"])
def test_a23_spellings_of_a_host_are_routed_and_passed_as_sent(gw, lab, host):
    with Conn(lab, "webext.example.test") as conn:
        answer = conn.ask("/a23", host=host)
    assert answer.status == 200
    assert answer.json()["host"] == host


def test_a23_absolute_form_is_routed(gw, lab):
    with Conn(lab, "webext.example.test") as conn:
        answer = conn.ask("https://webext.example.test/abs-form?x=1")
    assert answer.status == 200
    assert answer.json()["target"] in ("https://webext.example.test/abs-form?x=1", "/abs-form?x=1")


@pytest.mark.parametrize("host", ["unknown.example.test", "lyncdiscoverinternal.example.test", "example.test",
                                  "a.b.fabrikam.test", "192.0.2.1", "webext.example.test.evil.test"])
def test_a23_ly204_unknown_hosts_get_404_and_reach_no_pool(gw, lab, host):
    mark = lab.pool_log.mark()
    with Conn(lab, "webext.example.test") as conn:
        assert conn.ask("/", host=host).status == 404
    assert curl(lab, f"http://{host}/").status == 404
    assert lab.requests(mark) == []


@pytest.mark.parametrize("head", [
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: webext.example.test\r\nHost: webext.example.test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: web ext\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: webext.example.test/path\r\n\r\n",
])
def test_a23_missing_or_invalid_host_gets_400(gw, lab, head):
    mark = lab.pool_log.mark()
    with Conn(lab, "webext.example.test") as conn:
        conn.send(head)
        assert conn.response().status == 400
    assert lab.requests(mark) == []


def test_a23_sni_and_host_may_differ_the_host_decides(gw, lab):
    with Conn(lab, "meet.example.test") as conn:
        assert conn.ask("/x", host="webext.example.test").json()["role"] in ("fe1", "fe2")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
def test_a25_every_method_of_ucwa_arrives(gw, lab, method):
    body = b'{"x":1}' if method in ("POST", "PUT", "PATCH") else b""
    mark = lab.pool_log.mark()
    with Conn(lab, "webext.example.test") as conn:
        answer = conn.ask("/ucwa/v1/applications", method, body=body)
        # The connection goes on: the framing of this answer was understood.
        assert conn.ask("/after").status == 200
    assert answer.status == 200
    request = lab.wait_pool(lambda e: e["ev"] == "answered", since=mark)
    assert request["line"] == f"{method} /ucwa/v1/applications HTTP/1.1"
    assert request["body_len"] == len(body)


def test_a31_batch_body_is_untouched(gw, lab):
    body = (b"--batch\r\nContent-Type: application/http; msgtype=request\r\n\r\nGET /ucwa/v1 HTTP/1.1\r\n"
            b"Host: webext.example.test\r\n\r\n\r\n--batch--\r\n")
    with Conn(lab, "webext.example.test") as conn:
        answer = conn.ask("/ucwa/batch", "POST", [("Content-Type", "multipart/batching; boundary=batch")], body)
    assert answer.json()["body_sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("url, role", [
    ("https://webext.example.test/x", ("fe1", "fe2")),
    ("https://webext2.example.test/x", ("second",)),
    ("https://webext3.example.test/x", ("remote",)),  # behind an internal static route (LY-601)
    ("https://director.example.test/x", ("director",)),
    ("https://officewebapps.example.test/x", ("owas",)),
    ("https://lyncdiscover.contoso.test/root", ("director",)),
    # Simple URLs, option 1: a host per SIP domain.
    ("https://meet.example.test/u/1", ("director",)),
    ("https://meet.fabrikam.test/u/1", ("director",)),
    ("https://dialin.example.test/", ("director",)),
    # Option 2: one host, paths without regard to case (LY-201).
    ("https://lync.contoso.test/Meet/u/1", ("director",)),
    ("https://lync.contoso.test/Dialin", ("second",)),
    ("https://lync.contoso.test/DIALIN/x", ("second",)),
    # Option 3: SIP domain in the path.
    ("https://lync.fabrikam.test/example.test/Meet/u", ("fe1", "fe2")),
    ("https://lync.fabrikam.test/CONTOSO.test/meet/u", ("second",)),
    ("https://lync.fabrikam.test/else", ("director",)),
    ("http://webext2.example.test/x", ("second",)),
    ("http://lyncdiscover.contoso.test/root", ("director",)),
])
def test_a27_each_name_reaches_its_own_backend(gw, lab, url, role):
    answer = curl(lab, url)
    assert answer.status == 200
    assert answer.json()["role"] in role
    assert answer.json()["host"] == url.split("/")[2]


def test_ly405_each_request_of_a_connection_is_routed_by_its_host(gw, lab):
    with Conn(lab, "webext.example.test") as conn:
        hosts = ["webext.example.test", "webext2.example.test", "director.example.test"] * 3
        answers = [conn.ask(f"/{n}", host=host).json() for n, host in enumerate(hosts)]
    assert [a["role"] for a in answers[1::3]] == ["second"] * 3
    assert [a["role"] for a in answers[2::3]] == ["director"] * 3
    # LY-403: one private connection per pool, used again.
    assert len({a["conn"] for a in answers}) == 3


def test_ly403_two_clients_never_share_a_backend_connection(gw, lab):
    with Conn(lab, "webext2.example.test") as one, Conn(lab, "webext2.example.test") as two:
        seen = [(one.ask("/1").json()["conn"], two.ask("/2").json()["conn"]) for _ in range(3)]
    assert len({pair[0] for pair in seen}) == 1
    assert len({pair[1] for pair in seen}) == 1
    assert seen[0][0] != seen[0][1]
