#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""
An emulated Lync deployment: front ends, Directors and Office Web Apps servers, on real sockets.

    pool.py --log FILE --cert CERT --key KEY  fe1=10.0.0.11:4443/tls fe1=10.0.0.11:8080 owas=10.0.0.20:443/tls

Every connection and every request is written to the log as one line of JSON, so that tests and the
demo can compare what was asked outside with what arrived inside. What a path does stands in
handlers.py. Prints "ready" when all sockets listen. HTTP is written by hand: each byte that arrives
and leaves is known.
"""

import argparse
import itertools
import signal
import socket
import ssl
import sys
import threading
import time

import connection
import eventlog


def parse_role(text):
    """"name=ip:port[/tls]" -> (name, ip, port, tls); IPv6 addresses in brackets."""
    name, _, where = text.partition("=")
    where, _, kind = where.partition("/")
    ip, _, port = where.rpartition(":")
    if not name or not ip or kind not in ("", "tls"):
        raise argparse.ArgumentTypeError(f"{text}: expected name=ip:port[/tls]")
    return name, ip.strip("[]"), int(port), kind == "tls"


def tls_context(args):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if args.tls_min == "1.0":
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    versions = {"1.0": ssl.TLSVersion.TLSv1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    context.minimum_version = versions[args.tls_min]
    context.maximum_version = versions[args.tls_max]
    context.load_cert_chain(args.cert, args.key)

    def remember_sni(tls, name, _context):
        tls.server_sni = name

    context.sni_callback = remember_sni
    return context


def listen(ip, port):
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((ip, port))
    listener.listen(2048)
    return listener


def accept_loop(listener, role, port, context, log, ids):
    while True:
        sock, peer = listener.accept()
        conn = connection.Connection(sock, peer, role, port, context, log, next(ids))
        threading.Thread(target=conn.run, daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", required=True, help="JSON lines are appended here")
    parser.add_argument("--cert", help="certificate chain of the TLS roles")
    parser.add_argument("--key")
    parser.add_argument("--tls-min", default="1.2", choices=["1.0", "1.2", "1.3"])
    parser.add_argument("--tls-max", default="1.3", choices=["1.0", "1.2", "1.3"])
    parser.add_argument("roles", nargs="+", type=parse_role, metavar="NAME=IP:PORT[/tls]")
    args = parser.parse_args()
    context = tls_context(args) if any(tls for *_, tls in args.roles) else None
    log = eventlog.EventLog(args.log)
    ids = itertools.count(time.time_ns() // 1000)  # unique across restarts that append to one log
    threading.stack_size(256 * 1024)
    for name, ip, port, tls in args.roles:
        threading.Thread(target=accept_loop, daemon=True,
                         args=(listen(ip, port), name, port, context if tls else None, log, ids)).start()
        log.write("listen", role=name, ip=ip, port=port, tls=tls)
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    sys.exit(0)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
