"use strict";
// The tape, with one line per instruction and a rule at each barrier.

class TapeView {
  constructor(app) {
    this.app = app;
    this.root = element("div", { class: "tape", tabindex: 0 });
  }

  show() {
    const { model } = this.app;
    if (this.model !== model) {
      this.model = model;
      this.fill();
    }
    const rows = this.root.querySelectorAll("tr.selected");
    rows.forEach(row => row.classList.remove("selected"));
    const chosen = this.app.instruction !== undefined ? [this.app.instruction] : model.instructions(this.app.operation);
    chosen.forEach(number => this.lines[number] && this.lines[number].classList.add("selected"));
    if (chosen.length && this.lines[chosen[0]]) this.lines[chosen[0]].scrollIntoView({ block: "center" });
  }

  fill() {
    const { model } = this;
    const { tape, memory, instructions, barriers } = model.raw;
    const most = Math.max(1, ...tape.map(one => this.weightBytes(one)));
    const body = element("tbody");
    this.lines = [];
    let end = 0;
    tape.forEach((instruction, number) => {
      const operation = instruction.operation === undefined ? undefined : model.operations[instruction.operation];
      const isCopy = instruction.opcode === "copy";
      const cost = operation && !isCopy ? model.cost(instruction.operation) : undefined;
      const place = buffer => `%${memory[buffer].name}`;
      const names = operation && !isCopy && instruction.opcode !== "repeat"
        ? operation.weights.map(weight => `@${shortName(data.weights[weight].name)}`)
          .concat(operation.cache === undefined ? [] : [`@${data.caches[operation.cache].name}`]) : [];
      const inputs = instruction.length !== undefined ? [`the next ${instruction.length} instructions`]
        : instruction.inputs.map(place).concat(names);
      const outputs = instruction.outputs.map(place).join(", ");
      const bytes = this.weightBytes(instruction);
      const bar = element("span", { class: "bar" });
      bar.style.width = `${(70 * bytes) / most}px`;
      const line = element("tr", {
        class: [instruction.barrier && "barrier", number < end && "inner"].filter(Boolean).join(" "),
        onclick: () => this.app.go({ operation: instruction.operation, instruction: number }),
      },
      element("td", { class: "number" }, element("button", { type: "button", class: "link", "aria-label": `Instruction ${number}` }, `${number}`)),
      element("td", { class: "code" }, outputs ? `${outputs} = ` : "", element("b", { class: familyOf(instruction.opcode) }, instruction.opcode), ` ${inputs.join(", ")}`),
      element("td", { class: "number" }, bytes ? bytesText(bytes) : "", bar),
      element("td", { class: "number" }, cost && cost.flops_per_row ? scaled(cost.flops_per_row) : ""));
      if (instruction.length !== undefined) end = number + 1 + instruction.length;
      this.lines.push(line);
      body.append(line);
    });
    this.root.replaceChildren(
      element("p", { class: "note" }, `${grouped(instructions)} instructions. ${grouped(barriers)} barriers, at which all threads meet, are drawn as rules. Click a line for its operation.`),
      element("table", {},
        element("thead", {}, element("tr", {}, ...["#", "instruction", "weights", "FLOPs per row"].map(text => element("th", { scope: "col" }, text)))),
        body));
  }

  weightBytes(instruction) {
    if (instruction.operation === undefined || instruction.opcode === "copy") return 0;
    const cost = this.model.cost(instruction.operation);
    return cost.weight_bytes + cost.weight_bytes_per_row;
  }
}
