#!/usr/bin/env python3
"""Measures Herd beside a C epoll echo (the limit) and a gRPC C++ async echo, in interleaved rounds on pinned cores.

Each server has one core and all loads share another one, so nobody can hide work. A server's cost is the processor time
of all its threads. Ratios are taken within a round, where all had the same machine; their median is what is reported,
because absolute figures are worth little on shared machines. Fails if gRPC does worse, beside the C echo, than a share
of what is known of it: then it was not built or run as it should be, and a comparison would flatter Herd.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys

import machine_use
import results
import servers

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Connections and requests in flight on each.
SHAPES = [(1, 64), (16, 1), (1, 1)]
# Thousand requests per second of server processor, gRPC C++ 1.51 async and the C echo, measured on two cores of an EPYC
# (Zen 5) under Debian 12.
KNOWN = {(16, 1): (88, 223), (1, 64): (92, 2600)}
# Of the prompts of cached Route, those that must be cached.
LEAST_CACHED = 0.995
# Of the two cores' time, what others may have.
MOST_OTHERS = 0.05
# What an open loop asks of the measured capacity.
OPEN_SHARE = 0.6


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default 3)")
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (default 3)")
    parser.add_argument("--quick", action="store_true", help="1 s each: a first look, in about a minute and a half")
    parser.add_argument(
        "--guarded", action="store_true", help="with a token, limits of calls and money on it, and metrics scraped")
    parser.add_argument("--server-core", type=int, default=0, help="core of the servers (default 0)")
    parser.add_argument("--load-core", type=int, default=1, help="core of the loads (default 1)")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / ".build/release", help="folder of herdd and herd-load")
    parser.add_argument("--peers", type=pathlib.Path, default=ROOT / ".build/bench", help="folder of the peers")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / ".build/bench", help="folder for bench.json, bench.svg")
    parser.add_argument(
        "--peer-share", type=float, default=0.7,
        help="the least share of what is known of gRPC beside the C echo, the mean over two loads (default 0.7)")
    parser.add_argument("--readme", action="store_true", help="also put the table between README.md's marks")
    options = parser.parse_args()
    if options.quick:
        options.seconds = 1
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be over 0")
    return options


def figures(report):
    """What is kept of a report."""
    return {
        "requests_per_second": report["requests_per_second"],
        "cpu_us": report["server_cpu_us_per_request"],
        "p50_ms": report["latency_ms"]["p50"],
        "p99_ms": report["latency_ms"]["p99"],
        "warnings": report.get("warnings", []),
    }


class Bench:
    def __init__(self, options):
        self.options = options
        self.loads = servers.Loads(options.bin, options.peers, options.load_core, options.seconds, warm_up=0.3)
        # Share of the two cores' time that others had.
        self.others = 0.0
        # (subject, what) to one measurement a round.
        self.measured = {}

    def note(self, subject, what, report):
        self.measured.setdefault((subject, what), []).append(figures(report))
        last = self.measured[subject, what][-1]
        print(
            f"  {subject:14} {what:10} {last['cpu_us']:8.2f} us CPU  {last['requests_per_second']:10.0f}/s  "
            f"p50 {last['p50_ms'] * 1000:7.0f} us  p99 {last['p99_ms'] * 1000:7.0f} us", flush=True)

    def run(self):
        options = self.options
        peers = options.peers
        with servers.peer([peers / "epoll_echo", 0], options.server_core) as epoll, \
                servers.peer([peers / "grpc_echo", 0], options.server_core) as grpc, \
                servers.herd(options.bin, ROOT, options.server_core, options.guarded) as (herd, prompts):
            self.route = ["--workload", "route", "--prompts", prompts]
            # Enough draws that next to every prompt was asked.
            self.loads.frames(herd, 16, 16, workload=self.route, requests=200_000)
            cores = (options.server_core, options.load_core)
            meter = machine_use.OthersMeter(cores, [server.process.pid for server in (epoll, grpc, herd)])
            for number in range(options.rounds):
                print(f"round {number + 1} of {options.rounds}", flush=True)
                self.round(epoll, grpc, herd)
            self.others = meter.share()

    def round(self, epoll, grpc, herd):
        for connections, in_flight in SHAPES:
            what = f"{connections} x {in_flight}"
            self.note("C epoll", what, self.loads.frames(epoll, connections, in_flight))
            self.note("gRPC C++", what, self.loads.grpc(grpc, connections, in_flight))
            self.note("Herd Health", what, self.loads.frames(herd, connections, in_flight))
            self.note("Herd Route", what, self.cached(herd, connections, in_flight))
        new = self.route + ["--repeats", 0]
        self.note("Herd new Route", "16 x 8", self.loads.frames(herd, 16, 8, workload=new))
        self.note("Herd new Route", "1 x 1", self.loads.frames(herd, 1, 1, workload=new))
        self.open_loop(epoll, herd)

    def cached(self, herd, connections, in_flight):
        """Route with prompts that were asked before; fails if the herd has forgotten more than a few."""
        hits, misses = servers.cache_counts(self.options.bin, herd)
        report = self.loads.frames(herd, connections, in_flight, workload=self.route)
        later_hits, later_misses = servers.cache_counts(self.options.bin, herd)
        share = (later_hits - hits) / max(1, later_hits - hits + later_misses - misses)
        if share < LEAST_CACHED:
            raise servers.Failure(f"only {share:.1%} of the predictions of cached Route came from the cache")
        return report

    def open_loop(self, epoll, herd):
        """Herd's tail at 60 % of what it can do, beside that of the C echo with as much work for each request."""
        capacity = figures(self.loads.frames(herd, 16, 8, workload=self.route))
        bare = figures(self.loads.frames(epoll, 16, 8))
        work = max(0, round((capacity["cpu_us"] - bare["cpu_us"]) * 1000))
        rate = max(1, round(OPEN_SHARE * capacity["requests_per_second"]))
        self.note("Herd Route", "open loop", self.loads.frames(herd, 16, rate=rate, workload=self.route))
        peer = [self.options.peers / "epoll_echo", 0, work]
        with servers.peer(peer, self.options.server_core) as working:
            self.note("C epoll", "open loop", self.loads.frames(working, 16, rate=rate))

    # What a round's figures come to.

    def median(self, subject, what, figure):
        return statistics.median(one[figure] for one in self.measured[subject, what])

    def ratio(self, first, second, what, figure):
        """Of two subjects' figures, the median over the rounds."""
        pairs = zip(self.measured[first, what], self.measured[second, what])
        return statistics.median(one[figure] / max(1e-9, other[figure]) for one, other in pairs)

    def claims(self):
        per_cpu = "requests per server CPU second"
        grpc, epoll = "gRPC C++'s empty call", "the C epoll echo"
        claim = results.Claim
        return [
            claim("Health, 1 x 64", f"{per_cpu}, over {grpc}",
                  self.ratio("gRPC C++", "Herd Health", "1 x 64", "cpu_us"), least=15),
            claim("Health, 16 x 1", f"{per_cpu}, over {grpc}",
                  self.ratio("gRPC C++", "Herd Health", "16 x 1", "cpu_us"), least=1.4),
            claim("cached Route, 1 x 64", f"{per_cpu}, over {grpc}",
                  self.ratio("gRPC C++", "Herd Route", "1 x 64", "cpu_us"), least=2.2),
            claim("cached Route, 16 x 1", f"{per_cpu}, over {grpc}",
                  self.ratio("gRPC C++", "Herd Route", "16 x 1", "cpu_us"), least=1.0),
            claim("cached Route, 1 x 1", f"p50, over that of {epoll}",
                  self.ratio("Herd Route", "C epoll", "1 x 1", "p50_ms"), most=1.25),
            claim("uncached Route, 16 x 8", "router and scorer CPU, us",
                  self.median("Herd new Route", "16 x 8", "cpu_us"), most=30),
            claim("uncached Route, 1 x 1", "p50, us", self.median("Herd new Route", "1 x 1", "p50_ms") * 1000, most=150),
            claim("cached Route, open loop at 60 %", f"p99, over that of {epoll} with as much work",
                  self.ratio("Herd Route", "C epoll", "open loop", "p99_ms"), most=2),
        ]

    def ratios(self):
        """Of Herd to its peers, for every load that both had: rows of a table."""
        rows = []
        for what in dict.fromkeys(what for _, what in self.measured):
            for subject in ("Herd Health", "Herd Route"):
                for peer in ("gRPC C++", "C epoll"):
                    if (subject, what) not in self.measured or (peer, what) not in self.measured:
                        continue
                    rows.append({
                        "subject": subject, "peer": peer, "load": what,
                        "requests_per_cpu_second": self.ratio(peer, subject, what, "cpu_us"),
                        "p50": self.ratio(subject, peer, what, "p50_ms"),
                        "p99": self.ratio(subject, peer, what, "p99_ms"),
                    })
        return rows

    def peer_shares(self):
        """By load: gRPC's requests per CPU second over those of the C echo, as a share of what is known of the two."""
        # Requests per CPU second are the inverse of CPU per request.
        return {
            f"{connections} x {in_flight}":
                self.ratio("C epoll", "gRPC C++", f"{connections} x {in_flight}", "cpu_us") / (grpc / epoll)
            for (connections, in_flight), (grpc, epoll) in KNOWN.items()}

    def weak_peers(self):
        """Why gRPC is not what it should be; empty where it is.

        It is judged by its whole row: at 16 x 1 the C echo does next to nothing but system calls, of which gRPC makes as
        many (2.5 a request), and at 1 x 64 next to none. Where system calls are cheap beside computing, one share falls
        and the other rises; a peer that was built or run badly has a low mean. No single share may be under half.
        """
        shares = self.peer_shares()
        told = ", ".join(f"{what}: {share:.0%}" for what, share in shares.items())
        mean = statistics.geometric_mean(shares.values())
        if mean < self.options.peer_share or min(shares.values()) < self.options.peer_share / 2:
            return f"gRPC C++ has {mean:.0%} of its known share of the C echo's requests per CPU second ({told})"
        return ""


def build_peers(folder):
    result = subprocess.run(["make", "-C", str(ROOT / "Benchmarks"), f"OUT={folder.resolve()}"], capture_output=True, text=True)
    if result.returncode != 0:
        raise servers.Failure(f"the peers can't be built (Scripts/install.sh --bench installs gRPC):\n{result.stderr}")


def main():
    options = arguments()
    if not {options.server_core, options.load_core} <= os.sched_getaffinity(0) or options.server_core == options.load_core:
        raise servers.Failure("servers and loads need two cores of their own: --server-core, --load-core")
    for name in ("herdd", "herdctl", "herd-load"):
        if not (options.bin / name).exists():
            raise servers.Failure(f"{options.bin / name} is missing; run make build, or name its folder with --bin")
    build_peers(options.peers)
    options.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(options)
    bench.run()
    rows = results.Results(
        machine_use.name(), datetime.date.today().isoformat(), options, bench.measured, bench.claims(), bench.ratios())
    (options.out / "bench.json").write_text(json.dumps(rows.json(), indent=2) + "\n")
    (options.out / "bench.svg").write_text(rows.svg())
    print()
    print(rows.table())
    print(f"In full: {options.out / 'bench.json'}, {options.out / 'bench.svg'}")
    if options.readme:
        marks = results.GUARDED_MARKS if options.guarded else results.MARKS
        results.put_into_readme(ROOT / "README.md", rows.markdown(), marks)
    if bench.others > MOST_OTHERS:
        print(
            f"bench: other processes and machines had {bench.others:.0%} of the two cores' time: repeat it when they are "
            "quiet; until then trust no figure", file=sys.stderr)
    shares = ", ".join(f"{what}: {share:.0%}" for what, share in bench.peer_shares().items())
    print(f"gRPC C++'s requests per CPU second over the C echo's, as a share of what is known of them: {shares}")
    for warning in rows.warnings():
        print(f"bench: {warning}", file=sys.stderr)
    if weak := bench.weak_peers():
        raise servers.Failure(f"a peer is slower than it should be (--peer-share, if this processor is the reason): {weak}")


if __name__ == "__main__":
    try:
        main()
    except servers.Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(1)
