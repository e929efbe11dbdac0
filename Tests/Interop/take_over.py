#!/usr/bin/env python3
"""Asks a herdd to hand over, and does not go through with it.

    take_over.py DATA leave     # takes the sockets and goes away
    take_over.py DATA take      # says that it takes over, and goes away before the other one has ended its streams
    take_over.py DATA babble    # says nothing that means anything
    take_over.py DATA silent    # connects and goes away
    take_over.py DATA signal    # says that it takes over, then sends SIGTERM, and hears the other one out
    take_over.py DATA predecessor  # is the other one: breaks off after `take`, and keeps the store for a second more

Prints what it was offered, as JSON, with where each socket that came with it listens.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import time


def precede() -> int:
    """Acts as a process that is ended by a signal right after it was told that somebody takes over."""
    with open("herd.lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists("take-over.sock"):
            os.unlink("take-over.sock")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind("take-over.sock")
        listener.listen(1)
        listener.settimeout(20)
        with open("acting", "w"):
            pass
        peer, _ = listener.accept()
        peer.settimeout(20)
        peer.recv(65536)
        peer.send(json.dumps({"offer": 1, "process": os.getpid(), "schema": 1, "guarded": False, "drain_seconds": 2,
                              "sockets": []}).encode())
        took = b"take" in peer.recv(65536)
        peer.close()
        listener.close()
        time.sleep(1)
    return 0 if took else 1


def main() -> int:
    data, mode = sys.argv[1:]
    # The path may be longer than an address.
    os.chdir(data)
    if mode == "predecessor":
        return precede()
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.settimeout(20)
    peer.connect("take-over.sock")
    if mode == "silent":
        return 0
    if mode == "babble":
        peer.send(b'{"take_over": 1, "role": ["router"]')
        print(peer.recv(65536).decode())
        return 0
    peer.send(json.dumps({"take_over": 1, "role": "router", "process": os.getpid()}).encode())
    text, descriptors, _, _ = socket.recv_fds(peer, 65536, 64)
    offer = json.loads(text)
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    offer["listening"] = [one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for one in sockets]
    if mode in ("take", "signal"):
        peer.send(b'{"take": true}')
        # While streams run nothing is said; then `stopping` would be.
        peer.settimeout(0.3)
        try:
            offer["said"] = peer.recv(65536).decode()
        except TimeoutError:
            offer["said"] = ""
    if mode == "signal":
        os.kill(offer["process"], signal.SIGTERM)
        peer.settimeout(20)
        offer["heard"] = []
        while word := peer.recv(65536):
            offer["heard"] += json.loads(word).keys()
    print(json.dumps(offer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
