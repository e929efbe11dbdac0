#!/usr/bin/env python3
"""Asks a herdd to hand over, and does not go through with it.

    take_over.py DATA leave     # takes the sockets and goes away
    take_over.py DATA take      # says that it takes over, and goes away before the other one has ended its streams
    take_over.py DATA babble    # says nothing that means anything
    take_over.py DATA silent    # connects and goes away

Prints what it was offered, as JSON, with where each socket that came with it listens.
"""

from __future__ import annotations

import json
import os
import socket
import sys


def main() -> int:
    data, mode = sys.argv[1:]
    # The path may be longer than an address.
    os.chdir(data)
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
    if mode == "take":
        peer.send(b'{"take": true}')
        # While streams run nothing is said; then `stopping` would be.
        peer.settimeout(0.3)
        try:
            offer["said"] = peer.recv(65536).decode()
        except TimeoutError:
            offer["said"] = ""
    print(json.dumps(offer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
