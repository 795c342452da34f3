"""The measured part of docs/measured/performance.md: the text between its markers."""
import sys

from comparison import summary as summaries

BEGIN = "<!-- measured: begin. Tools/compare writes what follows. -->"
END = "<!-- measured: end -->"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def figure(value, digits=3):
    """Three significant digits."""
    return "" if value is None else f"{float(f'{value:.{digits}g}'):g}"


def machine(summary):
    results = summary.results
    probes = [one_round["echelon"][name]["probe"] for one_round in summary.rounds for name in summary.formats]
    bandwidths = sorted(probe["read_gb_s"] for probe in probes)
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    instructions = ", ".join(results["machine"]["instructions"])
    lines = [
        f"Measured on {results['date']} at commit {results['commit']} with `{results['command']}`.\n",
        f"{results['machine']['name']}, {results['machine']['cores']} cores ({instructions}), {results['threads']} "
        f"threads, kernels for {probes[0]['instruction_set']}; {versions}; {len(summary.rounds)} rounds. The machine "
        f"was shared with other work while it was measured: ratios within a row hold, times less so.\n",
    ]
    peaks = {}
    for probe in probes:
        for peak in probe["peaks"]:
            peaks.setdefault(peak["product"], []).append(peak["tflops"])
    rows = [["reading", f"{figure(bandwidths[len(bandwidths) // 2])} GB/s",
             f"{figure(bandwidths[0])} to {figure(bandwidths[-1])}"]]
    for product, values in peaks.items():
        values.sort()
        rows.append([f"{product} products", f"{figure(values[len(values) // 2])} TFLOP/s",
                     f"{figure(values[0])} to {figure(values[-1])}"])
    return "\n".join(lines) + "\n" + table(["probe", "median", "over the run"], rows)


def one_matrix(summary, name):
    shape = next(e for e in summary.rounds[0]["echelon"][summary.formats[0]]["matrices"]
                 if summaries.shapes.name_of(summary.config, e["n"], e["k"]) == name)
    header = ["milliseconds, rows"] + list(map(str, summary.rows))
    rows = []
    for weights in summary.formats:
        rows.append([f"floor, {weights}"]
                    + [figure(summary.matrix(weights, name, count, "floor_ms")) for count in summary.rows])
        rows.append([f"**echelon {weights}**"]
                    + [f"**{figure(summary.matrix(weights, name, count))}**" for count in summary.rows])
        rows.append(["time over floor"] + [f"{summary.excess(weights, name, count):.2f}" for count in summary.rows])
    for library in summaries.LIBRARIES:
        rows.append([library] + [figure(summary.library(library, name, count)) for count in summary.rows])
    return f"`{name}`, {shape['n']} outputs by {shape['k']} inputs:\n\n" + table(header, rows)


def against_torch(summary):
    header = ["times as fast as PyTorch's bf16", "weights"] + [summaries.rows_text(count) for count in summary.rows]
    rows = [
        [name, weights] + [f"{summary.faster(weights, name, count):.2f}" for count in summary.rows]
        for name in summary.names for weights in summary.formats
    ]
    return table(header, rows)


def steps(summary):
    parts = []
    for weights, functions in summary.functions.items():
        model, probe = functions["model"], functions["probe"]
        rate = functions["autoregressive"]
        parts.append(f"{weights} weights, {model['bytes'] / 1e9:.2f} GB; reading {figure(probe['read_gb_s'])} GB/s, "
                     f"peak {figure(probe['peak_tflops'])} TFLOP/s. Autoregressive at r = {rate['recurrence']}: "
                     f"{figure(rate['tokens_per_second'])} tokens/s.\n")
        rows = []
        for step in (e for e in functions["functions"] if e["name"] == "step"):
            diffusion = summary.diffusion(weights, step["rows"])
            torch = summary.library_step("torch bf16", step["rows"], step["recurrence"])
            rows.append([step["rows"], figure(step["ms"]), figure(step["floor_ms"]),
                         f"{step['ms'] / step['floor_ms']:.2f}", figure(diffusion["tokens_per_second"]),
                         f"{diffusion['gain']:.2f}", figure(torch)])
        context = functions["functions"][0]["context"]
        recurrence = functions["functions"][0]["recurrence"]
        parts.append(table([f"rows (r' = {recurrence}, context {context})", "ms", "floor", "time over floor",
                            "tokens/s", "times autoregressive", "PyTorch bf16, matrices alone, ms"], rows))
        prefill = functions["prefill"]
        parts.append(f"Prefill of {prefill['rows']} tokens at r = {prefill['recurrence']}: "
                     f"{figure(prefill['ms'] / 1e3)} s, {prefill['ms'] / prefill['floor_ms']:.2f} times its floor. "
                     f"An instruction of the tape costs {functions['overhead']['instruction_us']:.2f} µs in "
                     f"addition to its work, a barrier {functions['overhead']['barrier_us']:.2f} µs.\n")
        parts.append(shares(functions["shares"]))
    return "\n".join(parts)


def shares(calls):
    kinds = []
    for call in calls:
        kinds += [share["kind"] for share in call["kinds"] if share["kind"] not in kinds]
    rows = []
    for kind in kinds + ["barrier"]:
        row = [kind]
        for call in calls:
            share = next((s for s in call["kinds"] + [call["barriers"]] if s["kind"] == kind), None)
            row.append(f"{share['share'] * 100:.1f} %" if share else "")
        rows.append(row)
    return table(["share of a step, by instruction"] + [summaries.rows_text(call["rows"]) for call in calls], rows)


def targets(summary):
    rows = [[target.text, f"≤ {target.limit:g}", figure(target.value), target.verdict]
            for target in summaries.targets(summary)]
    return table(["target", "wanted", "measured", ""], rows)


def measured(summary):
    parts = ["## The run\n", machine(summary), "## One matrix\n", one_matrix(summary, "mlp.fc"),
             "![One matrix](performance-matrix.svg)\n", "## All matrices\n", against_torch(summary)]
    if summary.functions:
        parts += ["## Steps\n", steps(summary), "![Steps](performance-step.svg)\n"]
    parts += ["## Targets\n",
              "[docs/performance.md](../performance.md#targets) has the reason for each.\n", targets(summary)]
    return "\n".join(parts)


def write(results, path):
    """Replaces the text between the markers of the page at `path`, which has to have them."""
    text = path.read_text() if path.exists() else f"{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{path} lacks the lines {BEGIN!r} and {END!r} between which the figures go.")
    path.write_text(f"{before}{BEGIN}\n\n{measured(summaries.Summary(results))}\n{END}{after}")
