# SPDX-License-Identifier: BSD-3-Clause
"""
Measures the gateway beside its peers, in the same run. One verb is one table; --json prints the raw figures instead.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "pool")]

from client import tls_client_context  # noqa: E402
from impaired import PEER4, ImpairedLab, Transfer  # noqa: E402
from lab import GW4, Certificates  # noqa: E402

SIZE = 2000000
SPARE = 3  # the handshake: a lost SYN costs everybody the same second and says nothing of loss recovery

# name: (each direction of the wire, mishaps of the direction that carries the data)
LINE = "rate=50M,delay={delay}ms,queue={queue}"
PATHS = {
    "20ms": (LINE.format(delay=10, queue=100), ""),
    "20ms-1%": (LINE.format(delay=10, queue=100), "loss=1%"),
    "20ms-3%": (LINE.format(delay=10, queue=100), "loss=3%"),
    "80ms-1%": (LINE.format(delay=40, queue=100), "loss=1%"),
    "200ms-1%": (LINE.format(delay=100, queue=100), "loss=1%"),
    "reorder": (LINE.format(delay=10, queue=100), "reorder=2%:10ms"),
    "shallow": (LINE.format(delay=10, queue=15), ""),
}
MEANING = {
    "20ms": "50 Mbit/s, 20 ms, queue of 100 packets", "20ms-1%": "20 ms, 1 % random loss",
    "20ms-3%": "20 ms, 3 % random loss", "80ms-1%": "80 ms, 1 % random loss",
    "200ms-1%": "200 ms, 1 % random loss", "reorder": "20 ms, 2 % of the packets 10 ms late",
    "shallow": "20 ms, queue of 15 packets, no random loss",
}
QUICK = ["20ms", "20ms-1%", "20ms-3%"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def trace_file(args, *words):
    """Where the wire writes what it saw: --trace FOLDER."""
    if not args.trace:
        return None
    pathlib.Path(args.trace).mkdir(parents=True, exist_ok=True)
    return pathlib.Path(args.trace, "_".join(map(str, words)) + ".txt")


class Bench:
    """The laboratory with both proxies running."""

    def __init__(self, controls):
        self.folder = tempfile.TemporaryDirectory()
        self.wanted = controls.split(",")
        self.lab = ImpairedLab(controls=self.wanted)

    def __enter__(self):
        try:
            self.lab.use_certificates(Certificates(self.folder.name)).build()
            self.lab.start_pools()
            self.gateway = self.lab.gateway().start()
            self.lab.start_peer()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.lab.close()
        self.folder.cleanup()

    def controls(self):
        """Pairs (ours, Linux's) to compare; where Linux offers none of that name, it is reno."""
        pairs = []
        for name in self.wanted:
            if name not in self.lab.gateway_controls:
                say(f"      lyncgate has no {name} here: left out")
                continue
            pairs.append((name, name if self.lab.peer_uses(name) else "reno"))
        return pairs

    def connection(self, which, control, sender=None, tls=False):
        context = tls_client_context(self.lab.certs.public_ca) if tls else None
        if which == "lyncgate":
            return Transfer(self.lab, GW4, self.lab.gateway_port(control, tls), sender, context)
        return Transfer(self.lab, PEER4, 443 if tls else 80, sender, context)

    def transfer(self, which, direction, control, path, seed, args):
        """One connection on a wire of its own; returns its record."""
        line, mishaps = PATHS[path]
        bad = f"{line},spare={SPARE},{mishaps}".rstrip(",")
        up, down = (line, bad) if direction == "download" else (bad, line)
        if which == "linux":
            assert self.lab.peer_uses(control), f"the kernel offers no {control}"
        sender = control if direction == "upload" else None
        wire = self.lab.wire(up, down, seed, trace_file(args, path, direction, control, seed, which))
        before = self.counters() if which == "lyncgate" else None
        transfer = self.connection(which, control, sender, args.tls)
        thread = threading.Thread(target=getattr(transfer, direction), args=(args.size,), daemon=True)
        thread.start()
        if which == "linux" and direction == "download" and transfer.began.wait(60):
            self._verify(control, transfer)
        transfer.done.wait(180)
        wire.be_gentle()
        thread.join(180)
        if not transfer.whole:
            raise RuntimeError(f"{which} {direction} {control} {path} seed {seed}: not whole\n{self.lab.logs()}")
        self.lab.settle()
        record = {"mbit": args.size * 8e-6 / transfer.seconds, "seconds": transfer.seconds, "wire": wire.stop()}
        if which == "lyncgate":
            record["tcp"] = {name: value - before[name] for name, value in self.counters().items()
                             if value != before[name]}
        return record

    def counters(self):
        """The gateway's TCP counters, towards clients and the pool together."""
        return {name: value for name, value in self.gateway.telemetry("/lyncgate/tcp").items()
                if isinstance(value, int)}

    def _verify(self, control, transfer):
        """By accident it is never the host's default: what the kernel says it uses."""
        used = self.lab.peer_congestion_control()
        if used != control and not (used is None and transfer.done.is_set()):
            raise RuntimeError(f"HAProxy's connection uses {used}, not {control}")


# -- loss -------------------------------------------------------------------------------------------

def compare(bench, direction, pair, path, seed, args):
    """Both proxies with one seed, the order by the seed."""
    ours, theirs = pair
    runs = [("lyncgate", ours), ("linux", theirs)]
    records = {which: bench.transfer(which, direction, control, path, seed, args)
               for which, control in (runs if seed % 2 else reversed(runs))}
    return {"path": path, "direction": direction, "cc": ours, "linux_cc": theirs, "seed": seed, "size": args.size,
            "tls": args.tls, "lyncgate": records["lyncgate"],
            "linux": records["linux"], "ratio": records["lyncgate"]["mbit"] / records["linux"]["mbit"]}


def loss_row(results):
    """What is printed of one path, direction and congestion control: one result per seed."""
    first = results[0]
    ours, theirs = (statistics.median(r[which]["mbit"] for r in results) for which in ("lyncgate", "linux"))
    ratios = " ".join(f"{r['ratio']:.2f}" for r in results)
    name = first["cc"] if first["cc"] == first["linux_cc"] else f"{first['cc']}/{first['linux_cc']}"
    late = max(r[which]["wire"]["late_max_us"] for r in results for which in ("lyncgate", "linux"))
    return (f"{first['path']:<10}{first['direction']:<10}{name:<12}{ours:>8.1f}{theirs:>8.1f}"
            f"{statistics.median(r['ratio'] for r in results):>8.2f}   {ratios}   ({late / 1000:.1f})")


LOSS_HEAD = (f"{'path':<10}{'':<10}{'cc':<12}{'lyncgate':>8}{'Linux':>8}{'ratio':>8}   ratio of each seed   "
             "(latest frame of the wire, ms)")


def loss(args):
    paths = args.paths.split(",") if args.paths else QUICK if args.quick else list(PATHS)
    seeds = range(1, 1 + (args.seeds or (1 if args.quick else 5)))
    results = []
    with Bench(args.cc) as bench:
        pairs = bench.controls()
        if not args.json:
            print(f"Goodput of {args.size / 1e6:g} MB, Mbit/s, medians of {len(seeds)} seeds; Linux is HAProxy on the "
                  "kernel's TCP, same path, same seed.\nDownload: the proxy sends. Upload: the client's kernel sends "
                  "with that congestion control, the proxy receives.")
            for path in paths:
                print(f"  {path:<10}{MEANING[path]}")
            print(LOSS_HEAD, flush=True)
        for path in paths:
            for direction in args.directions.split(","):
                for pair in pairs if direction == "download" else upload_pairs(pairs):
                    rows = [compare(bench, direction, pair, path, seed, args) for seed in seeds]
                    results += rows
                    if not args.json:
                        print(loss_row(rows), flush=True)
    return results


def upload_pairs(pairs):
    """The client is the sender: its kernel's congestion controls, once each, for both proxies."""
    return [(name, name) for name in dict.fromkeys(theirs for _, theirs in pairs)]


# -- fairness ---------------------------------------------------------------------------------------

def octets_at(transfer, when):
    return max((length for at, length in transfer.progress if at <= when), default=0)


def share(bench, pair, seed, args):
    """Two downloads at once on one line; the second begins a little later: which one, and when, by the seed."""
    ours, theirs = pair
    assert bench.lab.peer_uses(theirs)
    line, mishaps = PATHS[args.path]
    wire = bench.lab.wire(line, f"{line},{mishaps}".rstrip(","), seed, trace_file(args, "fairness", ours, theirs, seed))
    transfers = {"lyncgate": bench.connection("lyncgate", ours), "linux": bench.connection("linux", theirs)}
    threads = [threading.Thread(target=t.download, args=(args.size,), daemon=True) for t in transfers.values()]
    for thread in threads if seed % 2 else reversed(threads):
        thread.start()
        time.sleep(0.05 * seed)
    for thread in threads:
        thread.join(180)
    if not all(t.whole for t in transfers.values()):
        raise RuntimeError(f"fairness {ours}/{theirs} seed {seed}: not whole\n{bench.lab.logs()}")
    bench.lab.settle()
    begin = max(t.begin for t in transfers.values()) + 1  # past the start
    end = min(t.begin + t.seconds for t in transfers.values())
    got = {which: octets_at(t, end) - octets_at(t, begin) for which, t in transfers.items()}
    return {"path": args.path, "cc": ours, "linux_cc": theirs, "seed": seed, "seconds": end - begin, "wire": wire.stop(),
            "mbit": {which: octets * 8e-6 / (end - begin) for which, octets in got.items()},
            "share": got["lyncgate"] / sum(got.values())}


def fairness(args):
    seeds = range(1, 1 + (args.seeds or (1 if args.quick else 5)))
    results = []
    with Bench(args.cc) as bench:
        if not args.json:
            print(f"Two downloads at once, {MEANING[args.path]}; Mbit/s while both run (without the first second), "
                  "medians; share: lyncgate's, 0.50 is even.\n"
                  f"{'lyncgate/Linux':<16}{'lyncgate':>9}{'Linux':>8}{'share':>8}   share of each seed", flush=True)
        for pair in bench.controls():
            rows = [share(bench, pair, seed, args) for seed in seeds]
            results += rows
            if not args.json:
                ours, theirs = (statistics.median(r["mbit"][w] for r in rows) for w in ("lyncgate", "linux"))
                print(f"{'/'.join(pair):<16}{ours:>9.1f}{theirs:>8.1f}"
                      f"{statistics.median(r['share'] for r in rows):>8.2f}   "
                      + " ".join(f"{r['share']:.2f}" for r in rows), flush=True)
    return results


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--seeds", type=int, default=0, help="how many (5; 1 with --quick)")
    common.add_argument("--quick", action="store_true", help="one seed, few paths")
    common.add_argument("--cc", default="reno,cubic,bbr", help="congestion controls (%(default)s)")
    common.add_argument("--json", action="store_true", help="raw figures instead of a table")
    common.add_argument("--trace", metavar="FOLDER", help="a file per transfer, a line per segment: what became of it")
    verb = verbs.add_parser("loss", parents=[common], help="goodput through impaired paths, beside Linux")
    verb.add_argument("--paths", default="", help=f"of {','.join(PATHS)}".replace("%", "%%"))
    verb.add_argument("--directions", default="download,upload")
    verb.add_argument("--size", type=int, default=SIZE, help="octets of one transfer (%(default)s)")
    verb.add_argument("--tls", action="store_true", help="https on 443 (to 4443) instead of http on 80 (to 8080)")
    verb.set_defaults(run=loss)
    verb = verbs.add_parser("fairness", parents=[common], help="shares of one bottleneck, beside Linux")
    verb.add_argument("--size", type=int, default=20 * SIZE, help="octets of each transfer (%(default)s)")
    verb.add_argument("--path", default="20ms", choices=list(PATHS), metavar="PATH", help="as of loss (%(default)s)")
    verb.set_defaults(run=fairness)
    return parser.parse_args()


def main():
    args = arguments()
    # As good as cores of their own for all that takes part: the kernel's TCP runs before everything, too.
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    results = args.run(args)
    if args.json:
        json.dump(results, sys.stdout, indent=1)
        print()


if __name__ == "__main__":
    main()
