"""The plots of docs/measured/performance.md, as SVG."""
import html
import math

from comparison import summary as summaries

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 44, 48
# Okabe and Ito's colours, which people with colour blindness can tell apart (jfly.uni-koeln.de/color, 2008).
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]


def line_chart(title, unit, series, logarithmic):
    """`series`: (name, {x: y}, whether it is dashed). x is the number of rows, evenly spaced."""
    xs = sorted({x for _, points, _ in series for x in points})
    values = [y for _, points, _ in series for y in points.values()]
    low, high = (min(values), max(values)) if logarithmic else (0, max(values))
    ticks = scale_ticks(low, high, logarithmic)
    low, high = min(low, ticks[0]), max(high, ticks[-1])

    def across(x):
        return LEFT + (WIDTH - LEFT - RIGHT) * xs.index(x) / max(1, len(xs) - 1)

    def up(y):
        share = math.log(y / low) / math.log(high / low) if logarithmic else (y - low) / (high - low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def text(x, y, words, anchor="middle", extra=""):
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{html.escape(words)}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, 22, title, "start", ' font-size="15"'),
        text(LEFT, TOP - 6, unit, "start", ' fill="#555"'),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "rows"),
    ]
    for tick in ticks:
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(tick):.1f}" y2="{up(tick):.1f}" stroke="#ddd"/>')
        parts.append(text(LEFT - 6, up(tick) + 4, f"{tick:g}", "end"))
    for x in xs:
        parts.append(text(across(x), HEIGHT - BOTTOM + 18, str(x)))
    labels = []
    for index, (name, points, dashed) in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in sorted(points.items()))
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        labels.append([up(points[max(points)]), name, colour])
    # Labels at the lines' ends, pushed apart.
    labels.sort()
    for before, label in zip(labels, labels[1:]):
        label[0] = max(label[0], before[0] + 15)
    for y, name, colour in labels:
        parts.append(text(WIDTH - RIGHT + 8, y + 4, name, "start", f' fill="{colour}"'))
    return "\n".join(parts + ["</svg>"]) + "\n"


def scale_ticks(low, high, logarithmic):
    if logarithmic:
        ticks = [m * 10.0**e for e in range(-6, 7) for m in (1, 2, 5)]
        first = max(i for i, tick in enumerate(ticks) if tick <= low)
        last = min(i for i, tick in enumerate(ticks) if tick >= high)
        return ticks[first:last + 1]
    step = 10.0 ** math.floor(math.log10(high / 2))
    step *= next(m for m in (1, 2, 5, 10) if high / (step * m) <= 6)
    return [step * i for i in range(math.ceil(high / step) + 1)]


def matrix_plot(summary):
    name = "mlp.fc"
    series = []
    for weights in summary.formats:
        series.append((f"echelon {weights}", {r: summary.matrix(weights, name, r) for r in summary.rows}, False))
        floors = {r: summary.matrix(weights, name, r, "floor_ms") for r in summary.rows}
        series.append((f"floor, {weights}", floors, True))
    for library in summaries.LIBRARIES:
        series.append((library, {r: summary.library(library, name, r) for r in summary.rows}, False))
    return line_chart("One product with the gate and up matrix of Huginn-0125", "milliseconds", series, True)


def step_plot(summary):
    series = []
    for weights, functions in summary.functions.items():
        steps = [entry for entry in functions["functions"] if entry["name"] == "step"]
        series.append((f"echelon {weights}", {s["rows"]: s["ms"] / 1e3 for s in steps}, False))
        series.append((f"floor, {weights}", {s["rows"]: s["floor_ms"] / 1e3 for s in steps}, True))
    recurrence = steps[0]["recurrence"]
    rows = [s["rows"] for s in steps if s["rows"] in summary.rows]
    torch = {r: summary.library_step("torch bf16", r, recurrence) / 1e3 for r in rows}
    series.append(("torch bf16, matrices", torch, False))
    return line_chart(f"A step of diffusion forcing with {recurrence} recurrences", "seconds", series, False)


def write(results, folder):
    summary = summaries.Summary(results)
    (folder / "performance-matrix.svg").write_text(matrix_plot(summary))
    if summary.functions:
        (folder / "performance-step.svg").write_text(step_plot(summary))
