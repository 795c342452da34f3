"use strict";
// The table of the costs after each pass.

const passColumns = [
  ["operations", totals => totals.operations, grouped, "Operations of the graph; operations in loops count once"],
  ["instructions", totals => totals.instructions, grouped, "Instructions on the tape that the stage would give"],
  ["barriers", totals => totals.barriers, grouped, "Instructions before which all threads meet"],
  ["arena per row", totals => totals.arena_bytes_per_row, bytesText, "Memory for values, per row of a call"],
  ["values per row", totals => totals.value_bytes_per_row, bytesText, "Bytes of values read and written per row"],
  ["weights per call", totals => totals.weight_bytes, bytesText, "Bytes of weights that a call with one row reads"],
  ["FLOPs per row", totals => totals.flops_per_row, scaled, "Floating point operations per row, without those of attention"],
];

class PassesView {
  constructor(app) {
    this.app = app;
    this.root = element("div", { class: "passes", tabindex: 0 });
  }

  show() {
    const { model } = this.app;
    const head = element("tr", {}, element("th", { scope: "col" }, "stage"),
      ...passColumns.map(([title, , , note]) => element("th", { scope: "col", title: note }, title)));
    const most = passColumns.map(([, read]) => Math.max(1, ...model.stages.map(stage => read(stage.totals) || 0)));
    const body = element("tbody");
    model.stages.forEach((stage, place) => {
      const { name, summary } = data.stages[stage.stage];
      const before = place > 0 ? model.stages[place - 1].totals : undefined;
      const row = element("tr", { onclick: () => this.app.go({ view: "graph", stage: stage.stage }) },
        element("th", { scope: "row" }, element("button", { type: "button", class: "link" }, name), element("small", {}, summary)));
      passColumns.forEach(([, read, text], column) => {
        const value = read(stage.totals);
        const old = before ? read(before) : undefined;
        const cell = element("td", { class: "number" }, value === undefined ? "\u2013" : text(value));
        if (value !== undefined) {
          const bar = element("span", { class: "bar" });
          bar.style.width = `${(100 * value) / most[column]}%`;
          cell.append(bar);
        }
        if (value !== undefined && old !== undefined && value !== old) {
          const change = old > 0 ? (100 * (value - old)) / old : 0;
          const size = Math.abs(change) >= 999 ? `\u00d7${rounded(value / old, 3)}`
            : `${change > 0 ? "+" : "\u2212"}${Math.abs(change) < 0.1 ? "<0.1" : rounded(Math.abs(change), 2)}%`;
          cell.append(element("span", { class: value < old ? "less" : "more" }, size));
        }
        row.append(cell);
      });
      body.append(row);
    });
    const { recurrences, label } = model.raw;
    this.root.replaceChildren(
      element("p", { class: "note" }, `The costs of ${label} after each pass, with ${recurrences} iterations of each loop. Click a row for the graph.`),
      element("table", {}, element("thead", {}, head), body));
  }
}
