"""Medians over the rounds of a run, and the targets that they are compared with."""
import statistics

from comparison import shapes

LIBRARIES = ["torch bf16", "torch f32", "numpy f32"]


class Summary:
    """The measurements of a run, looked up by format, matrix and rows."""

    def __init__(self, results):
        self.results = results
        self.config = results["config"]
        self.rounds = results["rounds"]
        self.formats = list(self.rounds[0]["echelon"])
        self.names = list(shapes.matrices(self.config))
        self.rows = sorted({entry["rows"] for entry in self._entries(self.rounds[0], self.formats[0])})
        self.functions = results["functions"]

    @staticmethod
    def _entries(one_round, weights):
        return one_round["echelon"][weights]["matrices"]

    def matrix(self, weights, name, rows, key="ms"):
        """The median over the rounds of one of echelon's figures, in milliseconds."""
        n, k = shapes.matrices(self.config)[name]
        found = [
            entry[key] for one_round in self.rounds for entry in self._entries(one_round, weights)
            if (entry["n"], entry["k"], entry["rows"]) == (n, k, rows)
        ]
        return statistics.median(found) if found else None

    def excess(self, weights, name, rows):
        """Time over floor, round by round."""
        n, k = shapes.matrices(self.config)[name]
        return statistics.median(
            entry["ms"] / entry["floor_ms"] for one_round in self.rounds for entry in self._entries(one_round, weights)
            if (entry["n"], entry["k"], entry["rows"]) == (n, k, rows))

    def library(self, library, name, rows):
        return statistics.median(one_round["libraries"][library][name][str(rows)] for one_round in self.rounds)

    def library_step(self, library, rows, recurrence):
        """The matrices of a step, each as often as it is used."""
        uses = shapes.uses(self.config, recurrence)
        return sum(count * self.library(library, name, rows) for name, count in uses.items())

    def faster(self, weights, name, rows, library="torch bf16"):
        """How many times faster echelon is than a library, the median of the rounds' ratios."""
        n, k = shapes.matrices(self.config)[name]
        ratios = []
        for one_round in self.rounds:
            own = [entry["ms"] for entry in self._entries(one_round, weights)
                   if (entry["n"], entry["k"], entry["rows"]) == (n, k, rows)]
            ratios += [one_round["libraries"][library][name][str(rows)] / ms for ms in own]
        return statistics.median(ratios)

    def function(self, weights, name, rows):
        """The entry of one call, or None."""
        entries = self.functions.get(weights, {}).get("functions", [])
        return next((e for e in entries if e["name"] == name and e["rows"] == rows), None)

    def step(self, weights, rows):
        return self.function(weights, "step", rows)

    def diffusion(self, weights, rows):
        entries = self.functions.get(weights, {}).get("diffusion", [])
        return next((e for e in entries if e["rows"] == rows), None)


def rows_text(count):
    return f"{count} row" if count == 1 else f"{count} rows"


class Target:
    """A figure and its maximum."""

    def __init__(self, text, value, limit):
        self.text, self.value, self.limit = text, value, limit

    @property
    def verdict(self):
        return "met" if self.value <= self.limit else f"missed, by a factor of {self.value / self.limit:.2f}"


# docs/performance.md gives the reason for each of these.
EXCESS = {
    "bf16": {1: 1.12, 8: 1.12, 16: 1.12, 32: 1.12, 64: 1.3, 128: 1.6},
    "int8": {1: 1.2, 8: 1.2, 16: 1.2, 32: 1.2, 64: 1.3, 128: 1.6},
}
INT4_OVER_INT8 = 0.62
INSTRUCTION_US, BARRIER_US = 1.0, 2.0


def targets(summary):
    found = []
    for weights, limits in EXCESS.items():
        if weights not in summary.formats:
            continue
        for rows, limit in limits.items():
            if rows in summary.rows:
                found.append(Target(f"{weights} mlp.fc over its floor, {rows_text(rows)}",
                                    summary.excess(weights, "mlp.fc", rows), limit))
        for rows, limit in limits.items():
            step = summary.step(weights, rows)
            if step:
                found.append(Target(f"{weights} step over its floor, {rows_text(rows)}",
                                    step["ms"] / step["floor_ms"], limit))
    four, eight = summary.step("int4", 1), summary.step("int8", 1)
    if four and eight:
        found.append(Target("int4 step over int8 step, 1 row", four["ms"] / eight["ms"], INT4_OVER_INT8))
    for weights, functions in summary.functions.items():
        overhead = functions["overhead"]
        found.append(Target(f"{weights}: an instruction's overhead in µs", overhead["instruction_us"], INSTRUCTION_US))
        found.append(Target(f"{weights}: a barrier in µs", overhead["barrier_us"], BARRIER_US))
    return found
