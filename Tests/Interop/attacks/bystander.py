"""Who calls the server meanwhile, in a process of its own: the one whose calls must not suffer."""

import gc
import multiprocessing
import time
from array import array
from bisect import bisect_left

from herd.rpc.v1.frame_pb2 import Frame
from herd.v1 import admin_pb2, router_pb2

from .codes import OK, name
from .packing import field
from .peer import HEALTH, PROBE, ROUTE, Peer, packed
from .server import PROMPTS

FORK = multiprocessing.get_context("fork")


class Bystander:
    """Makes Health and cached Route calls in turns, one at a time, a fraction of a millisecond apart."""

    def __init__(self, address):
        self.pipe, theirs = FORK.Pipe()
        self.process = FORK.Process(target=self._run, args=(address, theirs), daemon=True)
        self.process.start()

    @staticmethod
    def _run(address, pipe) -> None:
        times, latencies, failures = array("d"), array("d"), []
        requests = [(HEALTH, admin_pb2.HealthRequest().SerializeToString())]
        for prompt in PROMPTS:
            requests += [(ROUTE, router_pb2.RouteRequest(prompt=prompt).SerializeToString()), requests[0]]
        gc.disable()
        peer = Peer(address)
        call = 0
        while not pipe.poll():
            call += 1
            method, payload = requests[call % len(requests)]
            start = time.perf_counter()
            try:
                peer.request(method, payload, call=call)
                end = peer.end_of(call)
                if end.code != OK:
                    failures.append(f"{method}: {name(end.code)}: {end.message}")
            except Exception as error:
                failures.append(f"{method}: {error}")
                peer = Peer(address)
            times.append(start)
            latencies.append(time.perf_counter() - start)
            time.sleep(0.0005)
        pipe.send((times, latencies, failures))

    def stop(self) -> None:
        self.pipe.send(None)
        self.times, self.latencies, self.failures = self.pipe.recv()
        self.process.join()

    def between(self, start: float, end: float) -> list[float]:
        """The latencies of the calls made in that time, in seconds."""
        return list(self.latencies[bisect_left(self.times, start):bisect_left(self.times, end)])


class BenignLoad:
    """As busy as the attackers are, with nothing but calls as they should be: what the CPU's share alone costs."""

    def __init__(self, address):
        self.process = FORK.Process(target=self._run, args=(address,), daemon=True)
        self.process.start()

    @staticmethod
    def _run(address) -> None:
        burst = b"".join(packed(kind=Frame.REQUEST, method=HEALTH, call=1000 + number) for number in range(100))
        while True:
            for _ in range(20):
                with Peer(address) as peer:
                    peer.expect_alive()
            with Peer(address) as peer:
                for _ in range(20):
                    peer.send_bytes(burst)
                    for number in range(100):
                        peer.end_of(1000 + number)
                peer.end_of(peer.request(PROBE, field(1, 200) + field(2, 2000), credit=200))
                peer.end_of(peer.request(ROUTE, field(1, PROMPTS[0])))

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
