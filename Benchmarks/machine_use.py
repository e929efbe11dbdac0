"""What machine this is, and how much of it others use."""

import os
import resource
import time


def name():
    model = "an unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores"


class OthersMeter:
    """How much of some cores' time went to processes that are not of the benchmark, or to other virtual machines."""

    def __init__(self, cores, processes):
        self.cores, self.processes = cores, processes
        self.start, self.busy, self.own = time.monotonic(), self._busy(), self._own()

    def share(self):
        """0..1, since the meter was made."""
        elapsed = time.monotonic() - self.start
        others = self._busy() - self.busy - (self._own() - self.own)
        return max(0.0, others / (elapsed * len(self.cores)))

    def _busy(self):
        """Seconds that the cores were not idle, by proc(5): all but the fourth and fifth column."""
        ticks = 0
        with open("/proc/stat") as file:
            for line in file:
                columns = line.split()
                if columns[0] in {f"cpu{core}" for core in self.cores}:
                    ticks += sum(int(columns[column]) for column in (1, 2, 3, 6, 7, 8))
        return ticks / os.sysconf("SC_CLK_TCK")

    def _own(self):
        """Seconds of the servers, and of the loads, which have ended."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = used.ru_utime + used.ru_stime
        for process in self.processes:
            with open(f"/proc/{process}/stat") as file:
                columns = file.read().rsplit(")", 1)[1].split()
            seconds += (int(columns[11]) + int(columns[12])) / os.sysconf("SC_CLK_TCK")
        return seconds
