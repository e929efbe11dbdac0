"""What a run of the benchmark came to, as text, Markdown, JSON and a picture."""

import dataclasses
import html
import math
import statistics
import typing

#: Around the tables in README.
MARKS = ("<!-- bench -->", "<!-- /bench -->")
GUARDED_MARKS = ("<!-- bench guarded -->", "<!-- /bench guarded -->")


@dataclasses.dataclass
class Claim:
    """A figure with the least or the most that it should be."""

    load: str
    figure: str
    value: float
    least: typing.Optional[float] = None
    most: typing.Optional[float] = None

    @property
    def target(self):
        return f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"

    @property
    def is_met(self):
        return self.value >= self.least if self.least is not None else self.value <= self.most


def columns(rows):
    """Rows of texts, all of the same length, side by side."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


class Results:
    def __init__(self, machine, date, options, measured, claims, ratios):
        self.machine, self.date, self.options = machine, date, options
        self.measured, self.claims, self.ratios = measured, claims, ratios

    def median(self, subject, what, figure):
        return statistics.median(one[figure] for one in self.measured[subject, what])

    def table(self):
        rows = [("load", "figure", "median", "target", "")]
        rows += [
            (one.load, one.figure, f"{one.value:.2f}", one.target, "met" if one.is_met else "MISSED")
            for one in self.claims]
        ratios = [("ratio of", "to", "load", "requests per CPU second", "p50", "p99")]
        ratios += [
            (one["subject"], one["peer"], one["load"], f"{one['requests_per_cpu_second']:.2f}", f"{one['p50']:.2f}",
             f"{one['p99']:.2f}")
            for one in self.ratios]
        return columns(ratios) + "\n\n" + columns(rows)

    def markdown(self):
        lines = ["| load | figure | median | target |", "|---|---|---|---|"]
        lines += [f"| {one.load} | {one.figure} | {one.value:.2f} | {one.target} |" for one in self.claims]
        lines += ["", "| server CPU per request, us | " + " | ".join(self.shapes()) + " |"]
        lines += ["|---" * (len(self.shapes()) + 1) + "|"]
        for subject in self.subjects():
            cells = [
                f"{self.median(subject, what, 'cpu_us'):.2f}" if (subject, what) in self.measured else ""
                for what in self.shapes()]
            lines.append(f"| {subject} | " + " | ".join(cells) + " |")
        lines += ["", f"{self.machine}; {self.options.rounds} rounds of {self.options.seconds:g} s, {self.date}."]
        return "\n".join(lines)

    def json(self):
        return {
            "machine": self.machine, "date": self.date, "rounds": self.options.rounds,
            "seconds": self.options.seconds,
            "ratios": self.ratios,
            "claims": [dict(dataclasses.asdict(one), met=one.is_met) for one in self.claims],
            "measurements": [
                {"subject": subject, "load": what, "rounds": rounds}
                for (subject, what), rounds in self.measured.items()],
        }

    def warnings(self):
        """What herd-load said more than once is said once."""
        said = {}
        for (subject, what), rounds in self.measured.items():
            for one in rounds:
                if one["warnings"]:
                    said.setdefault(f"{subject}, {what}: {one['warnings'][0]}", None)
        return list(said)

    def subjects(self):
        return list(dict.fromkeys(subject for subject, _ in self.measured))

    def shapes(self):
        return list(dict.fromkeys(what for _, what in self.measured if what != "open loop"))

    def svg(self):
        """A bar for each server and load: CPU per request on a logarithmic axis."""
        bars = [
            (subject, what, self.median(subject, what, "cpu_us"))
            for what in self.shapes() for subject in self.subjects() if (subject, what) in self.measured]
        left, width, row, top = 190, 520, 20, 56
        low = math.floor(math.log10(min(value for *_, value in bars)))
        high = math.ceil(math.log10(max(value for *_, value in bars)))
        height = top + row * len(bars) + 46

        def x(value):
            return left + width * (math.log10(value) - low) / max(1, high - low)

        parts = []
        for power in range(low, high + 1):
            place = x(10 ** power)
            parts.append(f'<line class="grid" x1="{place:.1f}" y1="{top - 8}" x2="{place:.1f}" y2="{height - 40}"/>')
            parts.append(f'<text class="faint" x="{place:.1f}" y="{height - 22}" text-anchor="middle">{10 ** power:g} us</text>')
        for index, (subject, what, value) in enumerate(bars):
            y = top + row * index
            kind = "herd" if subject.startswith("Herd") else "peer"
            label = html.escape(f"{subject}, {what}")
            parts.append(f'<text class="ink" x="{left - 8}" y="{y + 12}" text-anchor="end">{label}</text>')
            parts.append(f'<rect class="{kind}" x="{left}" y="{y}" width="{max(1, x(value) - left):.1f}" height="{row - 5}"/>')
            parts.append(f'<text class="ink" x="{x(value) + 6:.1f}" y="{y + 12}">{value:.2f}</text>')
        title = "Server CPU per request"
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {height}" width="800" height="{height}" role="img">',
            f"<title>{title}</title>",
            "<style>.paper { fill: #ffffff } .ink { fill: #1f2328 } .faint { fill: #59636e } .grid { stroke: #d1d9e0 }",
            ".herd { fill: #0072b2 } .peer { fill: #8c959f } .title { font-size: 16px; font-weight: 600 }",
            'text { font-family: system-ui, "DejaVu Sans", Helvetica, sans-serif; font-size: 12px }',
            "@media (prefers-color-scheme: dark) { .paper { fill: #0d1117 } .ink { fill: #e6edf3 }",
            ".faint { fill: #9198a1 } .grid { stroke: #2f353d } }</style>",
            '<rect class="paper" width="100%" height="100%"/>',
            f'<text class="ink title" x="20" y="28">{title}</text>', *parts, "</svg>", ""])


def put_into_readme(path, table, marks=MARKS):
    """Replaces what stands between the marks."""
    text = path.read_text()
    # Marks stand on lines of their own; elsewhere they are spoken of.
    start, end = (text.find(f"\n{mark}\n") + 1 for mark in marks)
    if start == 0 or end < start:
        raise SystemExit(f"bench: {path} has no place for the table; put {marks[0]} and {marks[1]} where it belongs")
    path.write_text(text[:start + len(marks[0])] + "\n" + table + "\n" + text[end:])
