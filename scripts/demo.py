# SPDX-License-Identifier: BSD-3-Clause
"""
The proofs of scripts/demo: real clients outside, the real gateway on virtual NICs, an emulated Lync deployment
inside. What a proof claims about the inside is read from the pool's own log. Builds on tests/e2e/lab.py.
"""

import argparse
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "pool")]

import payload  # noqa: E402
from client import curl, s_client  # noqa: E402
from lab import GW4, GW6, INNER4, SERVERS, Certificates, Lab, gateway_binary  # noqa: E402

STATE = pathlib.Path("/run/lyncgate-demo.json")
POOLS = {"front-ends": ["fe1", "fe2"], "owas": ["owas"]}
FRONT_ENDS = {SERVERS["fe1"], SERVERS["fe2"]}


class Failed(AssertionError):
    pass


def check(condition, sentence):
    if not condition:
        raise Failed(sentence)


class Proofs:
    """Each method proves one thing and returns what was answered; its first line is what was asked."""

    def __init__(self, lab, gateway):
        self.lab, self.gateway = lab, gateway
        self.mark = 0

    def arrived(self, **wanted):
        """The one request that the pool's log shows since the proof began."""
        self.lab.wait_pool(lambda e: e["ev"] == "answered", 5, self.mark)
        requests = self.lab.requests(self.mark)
        check(len(requests) == 1, f"the pool saw {len(requests)} requests")
        for key, value in wanted.items():
            check(requests[0][key] == value, f"the pool saw {key} {requests[0][key]!r}, not {value!r}")
        check(requests[0]["peer"] == INNER4, f"the pool saw the peer {requests[0]['peer']}")
        return requests[0]

    def get(self, url, *options, status=200, **more):
        answer = curl(self.lab, url, *options, **more)
        check(answer.status == status, f"status {answer.status}")
        return answer

    def certificate_of(self, *options):
        _, text = s_client(self.lab, *options, "-CAfile", self.lab.certs.public_ca, "-verify_return_error")
        check("Verify return code: 0 (ok)" in text, "the chain does not verify")
        return next(line for line in text.split("\n") if line.startswith("subject=")).split("CN =")[1].strip(), text

    def redirect(self):
        "http://meet.example.test/u/ABC?y=1"
        answer = self.get("http://meet.example.test/u/ABC?y=1", status=301)
        check(answer.get("Location") == "https://meet.example.test/u/ABC?y=1", str(answer.get("Location")))
        check(not self.lab.requests(self.mark), "the pool was asked")
        return f"301 to {answer.get('Location')}"

    def autodiscover_plain(self):
        "http://lyncdiscover.example.test/?sipuri=u@example.test"
        answer = self.get("http://lyncdiscover.example.test/?sipuri=u@example.test")
        check(answer.json()["Root"]["Links"][0]["token"] == "Redirect", "no Redirect link")
        seen = self.arrived(port=8080, tls=False, host="lyncdiscover.example.test")
        return f"200 from {seen['role']}:8080 with the Redirect link"

    def autodiscover(self):
        "https://lyncdiscover.example.test/"
        answer = self.get("https://lyncdiscover.example.test/", "-H", "Accept:")
        check(answer.json()["AccessLocation"] == "External", "not the autodiscover document")
        seen = self.arrived(port=4443, tls=True, host="lyncdiscover.example.test")
        return f"200 from {seen['role']}:4443, AccessLocation External"

    def reencrypted(self):
        "https://meet.example.test/u/ABC"
        self.get("https://meet.example.test/u/ABC")
        seen = self.arrived(port=4443, tls=True, host="meet.example.test", line="GET /u/ABC HTTP/1.1",
                            sni="webext.example.test")
        tls = self.lab.wait_pool(lambda e: e["ev"] == "tls", since=self.mark)
        return f"200 from {seen['role']}:4443, {tls['version']} inside, Host as sent"

    def office_web_apps(self):
        "https://officewebapps.example.test/m/Presenter.aspx?a=0&embed=1"
        self.get("https://officewebapps.example.test/m/Presenter.aspx?a=0&embed=1")
        self.arrived(role="owas", port=443, tls=True, line="GET /m/Presenter.aspx?a=0&embed=1 HTTP/1.1")
        return "200 from owas:443"

    def same_bytes(self):
        "https://officewebapps.example.test/m/%252F/..%2f/a//b?x=%C3%A4"
        self.get("https://officewebapps.example.test/m/%252F/..%2f/a//b?x=%C3%A4", "-H", "X-Case: As Sent")
        seen = self.arrived(line="GET /m/%252F/..%2f/a//b?x=%C3%A4 HTTP/1.1")
        check(b"\r\nX-Case: As Sent\r\n" in base64.b64decode(seen["head_b64"]), "the field was changed")
        return "200, target and fields byte-identical inside"

    def ntlm(self):
        "https://webext.example.test/ntlm (curl --ntlm, two requests)"
        url = "https://webext.example.test/ntlm/"
        command = self.lab.client.command(
            "curl", "-q", "-sS", "--max-time", "30", "--resolve", f"webext.example.test:443:{GW4}", "--cacert",
            str(self.lab.certs.public_ca), "--ntlm", "-u", "alice:secret", url + "one", url + "two")
        out = subprocess.run(command, stdout=subprocess.PIPE, timeout=40, check=True, text=True).stdout
        users = [json.loads(line)["user"] for line in out.split("\n") if line]
        check(users == ["alice", "alice"], f"users {users}")
        opened = self.lab.pool_events("open", self.mark)
        check(len(opened) == 1, f"the pool saw {len(opened)} connections")
        return "alice twice, one connection inside"

    def ntlm_is_private(self):
        "https://webext.example.test/ntlm from a second client, no credentials"
        answer = self.get("https://webext.example.test/ntlm/b", status=401)
        check("NTLM" in answer.all("WWW-Authenticate"), "no challenge")
        return "401: nobody inherits a login"

    def unknown_host(self):
        "https://scan.example.org/"
        self.get("https://scan.example.org/", "-k", status=404)
        check(not self.lab.requests(self.mark), "the pool was asked")
        return "404, the pool saw nothing"

    def default_certificate(self):
        "openssl s_client -noservername"
        name, text = self.certificate_of("-noservername")
        check(name == "webext.example.test", name)
        check(text.count("\n   i:") == 2, "the intermediate is missing")
        return f"certificate {name}, full chain verified"

    def chosen_certificate(self):
        "openssl s_client -servername meet.fabrikam.test -tls1_2"
        name, text = self.certificate_of("-servername", "meet.fabrikam.test", "-tls1_2")
        check(name == "fabrikam.test", name)
        check("TLSv1.2" in text, "not TLS 1.2")
        return f"certificate {name}, TLS 1.2"

    def alpn(self):
        "openssl s_client -alpn h2,http/1.1 -tls1_3"
        name, text = self.certificate_of("-alpn", "h2,http/1.1", "-tls1_3", "-servername", "meet.example.test")
        check("ALPN protocol: http/1.1" in text, "another protocol was chosen")
        return "TLS 1.3, http/1.1 chosen"

    def download(self):
        "https://webext.example.test/size/10000000"
        answer = self.get("https://webext.example.test/size/10000000")
        check(answer.sha256 == payload.sha256(10000000), "the bytes differ")
        return "10 MB, SHA-256 equal"

    def upload(self):
        "https://webext.example.test/upload (POST 5 MB, Expect: 100-continue)"
        path = self.lab.folder / "upload.bin"
        path.write_bytes(payload.data(5000000))
        answer = self.get("https://webext.example.test/upload", "-T", path, "-X", "POST", "-H", "Expect: 100-continue")
        check(answer.json()["body_sha256"] == payload.sha256(5000000), "the bytes differ")
        check(100 in answer.interim, "no 100 Continue")
        return "5 MB, SHA-256 equal inside"

    def ipv6(self):
        "https://meet.example.test/v6 over IPv6"
        self.get("https://meet.example.test/v6", address=GW6)
        seen = self.arrived(port=4443, line="GET /v6 HTTP/1.1")
        return f"200 from {seen['role']}:4443, IPv4 inside"

    def abort(self):
        "https://webext.example.test/poll?s=180, client leaves after 1 s"
        command = self.lab.client.command(
            "curl", "-q", "-sS", "--max-time", "1", "--resolve", f"webext.example.test:443:{GW4}", "--cacert",
            str(self.lab.certs.public_ca), "https://webext.example.test/poll?s=180")
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False)
        left = time.time()
        check(result.returncode == 28, f"curl ended with {result.returncode}")
        closed = self.lab.wait_pool(lambda e: e["ev"] == "close" and e["during"] == "/poll", 5, self.mark)
        check(closed["t"] - left < 1, f"the pool saw it {closed['t'] - left:.1f} s later")
        return f"closed inside after {max(0, closed['t'] - left) * 1000:.0f} ms"

    def pool_down(self):
        "https://meet.example.test/, both front ends stopped, then started"
        self.lab.stop_pool("front-ends")
        answer = self.get("https://meet.example.test/down", status=503)
        check(answer.get("Retry-After"), "no Retry-After")
        self.lab.start_pool("front-ends")
        self.get("https://meet.example.test/up")
        return f"503 with Retry-After {answer.get('Retry-After')}, then 200"

    def nothing_listens_inside(self):
        "connect to 10.0.0.10 port 4443, 443 and 80 from inside"
        for port in (4443, 443, 80):
            try:
                self.lab.inside.connect(INNER4, port, timeout=0.5).close()
            except OSError:
                continue
            raise Failed(f"port {port} answers")
        return "nothing answers"

    ORDER = [redirect, autodiscover_plain, autodiscover, reencrypted, office_web_apps, same_bytes, ntlm,
             ntlm_is_private, unknown_host, default_certificate, chosen_certificate, alpn, download, upload, ipv6,
             abort, pool_down, nothing_listens_inside]

    def run(self):
        """Returns how many failed."""
        failed = 0
        for number, proof in enumerate(self.ORDER, 1):
            self.mark = self.lab.pool_log.mark()
            begin = time.monotonic()
            try:
                answered, word = proof(self), "ok"
            except (Failed, AssertionError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
                answered, word = str(error).split("\n", 1)[0], "FAIL"
                failed += 1
            took = (time.monotonic() - begin) * 1000
            print(f"[{number:2}/{len(self.ORDER)}] {proof.__doc__}\n        -> {answered:<62} {took:7.1f} ms  {word}", flush=True)
        return failed


def make_config(lab):
    text = (ROOT / "config" / "demo.yaml").read_text(encoding="utf-8")
    # A container may have other CPUs than the first two, a small machine only one.
    cpus = sorted(os.sched_getaffinity(0))[:2]
    text, found = re.subn(r"lcores: \[1\], main_lcore: 0", f"lcores: [{cpus[-1]}], main_lcore: {cpus[0]}", text)
    check(found == 1, "config/demo.yaml: no workers on CPU 1 to move")
    return text.replace("@FOLDER@", str(lab.folder)).replace("@ID@", lab.id)


def start(lab):
    lab.use_certificates(Certificates(lab.folder / "certificates")).build()
    lab.start_pools()
    return lab.gateway(make_config(lab), "lyncgate").start()


def explain(lab):
    inside = f"ip netns exec {lab.client.name}"
    print(f"""
It is left running. Try:
  {inside} curl --cacert {lab.certs.public_ca} --resolve meet.example.test:443:{GW4} https://meet.example.test/hello
  {inside} curl -i --resolve meet.example.test:80:{GW4} 'http://meet.example.test/x?y=1'
  {inside} openssl s_client -connect {GW4}:443 -servername meet.fabrikam.test </dev/null
  tail -f {lab.folder}/pool.log         what the pool sees
  tail -f {lab.folder}/lyncgate.out     the gateway's access log
  scripts/telemetry -f {lab.id} /lyncgate/drops     its counters (/ lists what there is)
End it with:
  scripts/demo --stop""")


def stop_kept():
    """Ends what an earlier --keep left running. Only processes whose command line names its folder."""
    if not STATE.exists():
        return False
    state = json.loads(STATE.read_text(encoding="utf-8"))
    mine = [pid for pid in state["pids"] if state["folder"] in command_line(pid)]
    for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        for pid in mine:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + patience
        while (mine := [pid for pid in mine if state["folder"] in command_line(pid)]) and time.monotonic() < deadline:
            time.sleep(0.05)
    for name in state["namespaces"]:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(f"/run/dpdk/{state['prefix']}", ignore_errors=True)
    shutil.rmtree(state["folder"], ignore_errors=True)
    STATE.unlink()
    return True


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def end_by_signal(number, _frame):
    raise SystemExit(128 + number)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--stop", action="store_true")
    args = parser.parse_args()
    if args.stop:
        print("ended" if stop_kept() else "nothing was left running")
        return 0
    if not os.access(gateway_binary(), os.X_OK):
        print(f"{gateway_binary()} is missing: build it first", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end_by_signal)
    if args.keep and stop_kept():
        print("ended the one that was left running before")
    return demonstrate(args.keep)


def demonstrate(keep):
    lab, kept = Lab("lyncgate-demo", detached=keep, pools=POOLS), False
    try:
        gateway = start(lab)
        print(f"lyncgate on virtual NICs (af_packet on veth), no hugepages; configuration: {gateway.path}\n")
        failed = Proofs(lab, gateway).run()
        total = len(Proofs.ORDER)
        if failed:
            print(f"\n{failed} of {total} proofs FAILED. The ends of the logs:\n{lab.logs()}")
        else:
            print(f"\nAll {total} proofs hold. Times are of virtual NICs on shared CPUs, no performance numbers.")
        if keep:
            STATE.write_text(json.dumps(lab.state()), encoding="utf-8")
            explain(lab)
            kept = True
        else:
            status = gateway.stop()
            if status != 0:
                print(f"lyncgate ended with status {status}")
                failed += 1
        return 1 if failed else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on
        return 1
    except (AssertionError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"the demo could not start: {error}\n{lab.logs()}", file=sys.stderr)
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C doesn't leave half of it behind
        if not kept:
            lab.close()


if __name__ == "__main__":
    sys.exit(main())
