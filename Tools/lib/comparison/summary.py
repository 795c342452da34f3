"""Medians over the rounds of a run, and the marks that they are held against."""
import statistics

from comparison import shapes

LIBRARIES = ["torch bf16", "torch f32", "numpy f32"]


class Summary:
    """Looks up what a run measured."""

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
        """The median over the rounds of one figure of echelon's, in milliseconds."""
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


class Mark:
    """A figure, what it has to be, and whether it is.

    `allowed` is the best that the run's floors leave to any kernel on this machine, where that is not the same number
    for every mark of a kind.
    """

    def __init__(self, text, value, limit, at_most=True, allowed=None):
        self.text, self.value, self.limit, self.at_most, self.allowed = text, value, limit, at_most, allowed

    @property
    def met(self):
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    @property
    def verdict(self):
        if self.met:
            return "met"
        factor = self.value / self.limit if self.at_most else self.limit / self.value
        return f"missed, by a factor of {factor:.2f}"


# The most that time over floor may be, by format and rows.
EXCESS = {
    "bf16": {1: 1.12, 8: 1.12, 16: 1.12, 32: 1.12, 64: 1.3, 128: 1.6},
    "int8": {1: 1.2, 8: 1.2, 16: 1.2, 32: 1.2, 64: 1.3, 128: 1.6},
}
FASTER_THAN_TORCH = {"bf16": 2.2, "int8": 4.0}
DIFFUSION_GAIN = {32: 5.6, 64: 5.0}
# int8 diffusion forcing over PyTorch's autoregressive bf16, of which the linear layers alone are measured.
OVER_TORCH_AUTOREGRESSIVE = 10.0
INT4_OVER_INT8 = 0.62
INSTRUCTION_US, BARRIER_US = 1.0, 2.0


def over_torch_autoregressive(summary):
    """One token a step in int8, with the rows for which that is fastest; PyTorch's token takes its matrices' time."""
    if "int8" not in summary.functions or 1 not in summary.rows:
        return []
    functions = summary.functions["int8"]
    fastest = max(functions["diffusion"], key=lambda entry: entry["tokens_per_second"])
    token_ms = summary.library_step("torch bf16", 1, functions["autoregressive"]["recurrence"])
    return [Mark(f"int8 diffusion forcing over PyTorch's bf16 autoregressive token ({token_ms / 1e3:.2f} s in matrices "
                 f"alone), {rows_text(fastest['rows'])}",
                 fastest["tokens_per_second"] * token_ms / 1e3, OVER_TORCH_AUTOREGRESSIVE, at_most=False)]


def marks(summary):
    found = []
    for weights, limits in EXCESS.items():
        if weights not in summary.formats:
            continue
        for rows, limit in limits.items():
            if rows in summary.rows:
                found.append(Mark(f"{weights} mlp.fc over its floor, {rows_text(rows)}",
                                  summary.excess(weights, "mlp.fc", rows), limit))
        for rows, limit in limits.items():
            step = summary.step(weights, rows)
            if step:
                found.append(Mark(f"{weights} step over its floor, {rows_text(rows)}",
                                  step["ms"] / step["floor_ms"], limit))
    for weights, limit in FASTER_THAN_TORCH.items():
        for rows in [32, 64]:
            if weights in summary.formats and rows in summary.rows:
                allowed = (summary.library("torch bf16", "mlp.fc", rows)
                           / summary.matrix(weights, "mlp.fc", rows, "floor_ms"))
                found.append(Mark(f"{weights} mlp.fc, times as fast as PyTorch's bf16, {rows_text(rows)}",
                                  summary.faster(weights, "mlp.fc", rows), limit, at_most=False, allowed=allowed))
    for weights in ["bf16", "int8"]:
        for rows, limit in DIFFUSION_GAIN.items():
            diffusion = summary.diffusion(weights, rows)
            if diffusion:
                allowed = summary.function(weights, "decode", 1)["floor_ms"] / summary.step(weights, rows)["floor_ms"]
                found.append(Mark(f"{weights} diffusion forcing over autoregressive, {rows_text(rows)}",
                                  diffusion["gain"], limit, at_most=False, allowed=allowed))
    found += over_torch_autoregressive(summary)
    for rows in [1, 8, 16, 32]:
        four, eight = summary.step("int4", rows), summary.step("int8", rows)
        if four and eight:
            found.append(Mark(f"int4 step over int8 step, {rows_text(rows)}", four["ms"] / eight["ms"], INT4_OVER_INT8,
                              allowed=four["floor_ms"] / eight["floor_ms"]))
    for weights, functions in summary.functions.items():
        found.append(Mark(f"{weights}: an instruction's overhead in us", functions["overhead"]["instruction_us"],
                          INSTRUCTION_US))
        found.append(Mark(f"{weights}: a barrier in us", functions["overhead"]["barrier_us"], BARRIER_US))
    return found
