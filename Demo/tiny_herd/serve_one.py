"""One model behind llama.cpp's own HTTP server, as a process of its own; started by `llama_server`.

It prints the address it listens on and then waits for the end of its standard input, which comes when the parent closes
it or dies, however it dies: no server is left behind.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys

import xllamacpp


def parameters(options: argparse.Namespace) -> xllamacpp.CommonParams:
    """Settings of the server: one thread, a kernel-chosen port, nothing kept from one request to the next."""
    settings = xllamacpp.CommonParams()
    settings.model.path = options.weights
    settings.model_alias = {options.name}
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.n_parallel = options.slots
    settings.n_ctx = options.context * options.slots
    settings.cpuparams.n_threads = 1
    settings.cpuparams_batch.n_threads = 1
    # A prompt that finds its beginning in the cache is computed in other batches, and rounds differently.
    settings.cache_prompt = False
    settings.cache_ram_mib = 0
    settings.ctx_shift = options.endless
    settings.endpoint_metrics = True
    settings.warmup = False
    settings.ui = False
    settings.fit_params = False
    settings.verbosity = options.verbosity
    return settings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="the name the server gives its model")
    parser.add_argument("weights", help="GGUF file")
    parser.add_argument("--slots", type=int, default=1, help="requests answered at once (default: 1)")
    parser.add_argument("--context", type=int, default=1024, help="tokens a slot holds (default: 1024)")
    parser.add_argument("--endless", action="store_true",
                        help="let an answer outgrow the context, whose oldest tokens go (default: it ends there)")
    parser.add_argument("--verbosity", type=int, default=1, help="of llama.cpp's log on standard error (default: 1)")
    options = parser.parse_args()
    # Ctrl-C reaches the whole group; it is the parent that decides when the servers go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        server = xllamacpp.Server(parameters(options))
    except RuntimeError as error:
        print(f"serve_one.py: llama.cpp cannot serve {options.weights}: {error}", file=sys.stderr)
        return 1
    print(server.listening_address, flush=True)
    sys.stdin.buffer.read()
    # Not through the interpreter's end: open keep-alive connections would hold the server's destructor up.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
