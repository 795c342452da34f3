"use strict";
// The panel on the right: the selected operation, and what the pass did.

class DetailsPanel {
  constructor(app) {
    this.app = app;
    this.root = document.getElementById("details");
  }

  show() {
    const { model, place, operation } = this.app;
    this.root.replaceChildren();
    if (operation !== undefined && model.inOrder(place).includes(operation)) this.root.append(...this.operation(operation));
    else if (operation !== undefined) this.root.append(...this.absent(operation));
    if (this.app.view === "graph") this.root.append(...this.pass());
    if (operation === undefined) this.root.append(...this.function());
  }

  link(operation, place, text) {
    const { model } = this.app;
    return element("button", {
      type: "button", class: "link", title: model.text(operation),
      onclick: () => this.app.go({ view: "graph", stage: model.stages[place].stage, operation }, true),
    }, text || model.operations[operation].opcode);
  }

  instructionLink(number) {
    return element("button", {
      type: "button", class: "link", onclick: () => this.app.go({ view: "tape", instruction: number }),
    }, `#${number}`);
  }

  rows(pairs) {
    const list = element("dl");
    for (const [term, ...contents] of pairs.filter(Boolean)) {
      list.append(element("dt", {}, term), element("dd", {}, ...contents));
    }
    return list;
  }

  separated(nodes, between = " ") { return nodes.flatMap((node, index) => (index ? [between, node] : [node])); }

  // An operation

  operation(number) {
    const { model, place } = this.app;
    const raw = model.operations[number];
    const stage = data.stages[model.stages[place].stage].name;
    const definitions = model.definitions(place);
    const readers = model.readers(place);
    const value = (one, link) => element("span", { class: "value" },
      link === undefined ? `%${model.name(one)}` : this.link(link, place, `%${model.name(one)}`),
      element("span", { class: "type" }, ` ${model.type(one)}`));
    const loop = model.loop(place, number);
    return [
      element("h2", { class: `kind ${familyOf(raw.opcode)}` }, raw.opcode),
      element("p", { class: "meaning" }, meaningOf(raw.opcode)),
      this.rows([
        ["reads", ...this.lines(raw.operands.map(one => value(one, definitions.get(one))))],
        raw.results.length && ["computes", ...this.lines(raw.results.map(one => value(one)))],
        raw.results.length && ["read by", ...this.readersOf(raw, readers, place)],
        raw.attributes && ["attributes", raw.attributes],
        raw.cache !== undefined && ["cache", `${data.caches[raw.cache].name}, ${data.caches[raw.cache].heads} heads of ${data.caches[raw.cache].dim}`],
        loop && ["contains", `${loop.operations.length} operations, counted ${model.raw.recurrences} times in sums of costs`],
      ]),
      ...this.weights(raw),
      ...(loop ? [] : this.cost(number)),
      ...this.fusion(number),
      element("pre", { class: "text" }, model.text(number)),
      element("p", { class: "note" }, `Stage: ${stage}.`),
    ];
  }

  lines(nodes) { return nodes.map(node => element("div", {}, node)); }

  readersOf(raw, readers, place) {
    const found = [...new Set(raw.results.flatMap(result => readers.get(result) || []))];
    const { returns } = this.app.model.stages[place];
    const links = found.slice(0, 8).map(one => this.link(one, place));
    if (found.length > 8) links.push(`and ${found.length - 8} more`);
    if (raw.results.some(result => returns.includes(result))) links.push("the caller");
    return this.separated(links.length ? links : ["nothing"], ", ");
  }

  weights(raw) {
    return raw.weights.map(index => {
      const weight = data.weights[index];
      const shape = weight.rows > 1 ? `${weight.rows} × ${weight.columns}` : `vector of ${weight.columns}`;
      return element("section", { class: "weight" }, this.rows([
        ["made of", element("code", {}, weight.source)],
        ["stored", weight.bytes === undefined ? `${shape}; not stored, because a pass replaced it`
          : `${shape} in ${weight.format}, ${bytesText(weight.bytes)}`],
      ]));
    });
  }

  cost(number) {
    const cost = this.app.model.cost(number);
    const parts = (...pairs) => pairs.filter(([amount]) => amount > 0).map(([amount, text]) => `${bytesText(amount)} ${text}`).join(", ") || "nothing";
    const flops = [];
    if (cost.flops_per_row) flops.push(`${scaled(cost.flops_per_row)} per row`);
    if (cost.flops_per_position) flops.push(`${scaled(cost.flops_per_position)} per row and attended position`);
    return [this.rows([
      ["bytes read", parts([cost.weight_bytes, "of weights"], [cost.weight_bytes_per_row, "of weights per row"],
        [cost.read_bytes_per_row, "per row"], [cost.cache_bytes_read_per_position, "of cache per position"])],
      ["bytes written", parts([cost.written_bytes_per_row, "per row"], [cost.cache_bytes_written_per_row, "of cache per row"])],
      ["FLOPs", flops.join(", ") || "none"],
    ])];
  }

  /** The operations that it was made from, those that took over its work, and its instructions on the tape. */
  fusion(number) {
    const { model, place } = this.app;
    const last = model.stages.length - 1;
    const fate = model.fate(place, number);
    const origins = model.origins(place, number);
    const own = [];
    if (place > 0) {
      own.push(["made of", ...(origins.length === 0 ? ["no source operation: a pass inserted it"]
        : this.separated(this.some(origins, one => this.link(one, 0)), ", "))]);
    }
    if (fate.into.length === 0) own.push(["dropped by", data.stages[fate.droppedBy].name]);
    else if (place !== last || fate.into[0] !== number) {
      own.push(["became", ...this.separated(this.some(fate.into, one => this.link(one, last)), ", ")]);
      const group = [...new Set(fate.into.flatMap(one => model.origins(last, one)))];
      if (place === 0 && group.length > 1) {
        own.push(["fused with", ...this.separated(this.some(group.filter(one => one !== number), one => this.link(one, 0)), ", ")]);
      }
    }
    const instructions = [...new Set(fate.into.flatMap(one => model.instructions(one)))];
    own.push(["on the tape", ...(instructions.length ? this.separated(this.some(instructions, one => this.instructionLink(one))) : ["no instruction"])]);
    return [element("section", { class: "fusion" }, this.rows(own))];
  }

  some(list, make, limit = 9) {
    const made = list.slice(0, limit).map(make);
    if (list.length > limit) made.push(`and ${list.length - limit} more`);
    return made;
  }

  /** The view of a selected operation that this stage does not have. */
  absent(number) {
    const { model } = this.app;
    const places = model.stages.map((_, place) => place).filter(place => model.inOrder(place).includes(number));
    if (places.length === 0) return [];
    const [first, last] = [places[0], places[places.length - 1]];
    const name = place => data.stages[model.stages[place].stage].name;
    const after = last + 1 < model.stages.length ? model.transitions(last + 1).into.get(number) || [] : [];
    return [
      element("h2", { class: `kind ${familyOf(model.operations[number].opcode)}` }, model.operations[number].opcode),
      this.rows([
        ["first stage", this.link(number, first, name(first))],
        ["last stage", this.link(number, last, name(last))],
        last + 1 < model.stages.length && ["then", `${name(last + 1)} replaced it by `,
          ...(after.length ? this.separated(this.some(after, one => this.link(one, last + 1))) : ["nothing"])],
      ]),
      element("pre", { class: "text" }, model.text(number)),
    ];
  }

  // The function

  function() {
    const { model } = this.app;
    const { raw } = model;
    const first = model.stages[0].totals;
    const last = model.stages[model.stages.length - 1].totals;
    const results = model.stages[model.stages.length - 1].returns;
    const named = values => values.map(one => element("div", { class: "value" }, `%${model.name(one)}`, element("span", { class: "type" }, ` ${model.type(one)}`)));
    return [
      element("h2", {}, `The function ${model.label}`),
      this.rows([
        ["recurrences", raw.unrolled === undefined ? `decided by the caller; ${raw.recurrences} in sums of costs` : `${raw.unrolled}, unrolled`],
        ["operations", `${grouped(first.operations)} before the passes, ${grouped(last.operations)} after`],
        ["tape", `${grouped(raw.instructions)} instructions, ${grouped(raw.barriers)} barriers`],
        ["call of one row", `${bytesText(last.weight_bytes)} of weights`],
        ["FLOPs", `${scaled(last.flops_per_row)} per row, and ${scaled(last.flops_per_position)} per row and attended position`],
        ["arena", `${bytesText(raw.arena_bytes_per_row)} per row; ${bytesText(raw.unplanned_bytes_per_row)} without planning`],
        ["parameters", ...named(raw.parameters)],
        ["results", ...named(results)],
      ]),
    ];
  }

  // A pass

  pass() {
    const { model, place } = this.app;
    const stage = model.stages[place];
    const heading = element("h2", {}, place === 0 ? "Before all passes" : `Changes by ${data.stages[stage.stage].name}`);
    if (place === 0) {
      return [heading, element("p", {}, `${stage.totals.operations} operations. Move the slider to see the effect of each pass.`)];
    }
    if (!stage.added.length && !stage.removed.length && !stage.moved.length) {
      return [heading, element("p", {}, `None in ${model.label}.`)];
    }
    const groups = this.groups(place);
    const list = element("ul", { class: "changes" });
    for (const group of groups) {
      const first = group.examples[0];
      const sample = first.into.length ? this.link(first.into[0], place, group.intoText) : element("span", {}, group.intoText);
      list.append(element("li", { class: group.kind },
        group.count > 1 ? element("b", {}, `${group.count} × `) : "",
        group.fromText ? element("span", { class: "from", title: first.from.slice(0, 20).map(one => model.text(one)).join("\n") }, group.fromText) : "",
        group.fromText ? " → " : "", sample));
    }
    const removed = element("details", {}, element("summary", {}, `${stage.removed.length} removed`));
    removed.addEventListener("toggle", () => {
      if (removed.open && removed.children.length === 1) {
        removed.append(element("pre", { class: "removed" }, stage.removed.map(one => `- ${model.text(one)}`).join("\n")));
      }
    });
    const added = element("details", {}, element("summary", {}, `${stage.added.length} added`));
    added.addEventListener("toggle", () => {
      if (added.open && added.children.length === 1) {
        added.append(element("pre", { class: "added" }, stage.added.map(one => `+ ${model.text(one)}`).join("\n")));
      }
    });
    return [heading, list, ...(stage.removed.length ? [removed] : []), ...(stage.added.length ? [added] : [])];
  }

  /** The changes of a pass, grouped by kind. A kind is which operations were replaced by which. */
  groups(place) {
    const { model } = this.app;
    const stage = model.stages[place];
    const { into, from } = model.transitions(place);
    const seen = new Set();
    const found = new Map();
    const count = operations => {
      const counts = new Map();
      for (const one of operations) {
        const { opcode } = model.operations[one];
        counts.set(opcode, (counts.get(opcode) || 0) + 1);
      }
      if (counts.size > 6) return `${grouped(operations.length)} operations`;
      return [...counts].map(([opcode, number]) => (number > 1 ? `${number} ${opcode}` : opcode)).join(" + ");
    };
    const note = (sources, images) => {
      const same = sources.length === 1 && images.length === 1
        && model.operations[sources[0]].opcode === model.operations[images[0]].opcode;
      const kind = images.length === 0 ? "gone" : sources.length === 0 ? "new" : same ? "changed" : "fused";
      const fromText = count(sources);
      const intoText = images.length === 0 ? "removed" : same ? "with other operands" : sources.length === 0 ? `new ${count(images)}` : count(images);
      const key = `${kind} ${fromText} ${intoText}`;
      if (!found.has(key)) found.set(key, { kind, fromText, intoText, count: 0, examples: [] });
      const group = found.get(key);
      group.count += 1;
      group.examples.push({ from: sources, into: images });
    };
    for (const operation of stage.removed) {
      if (seen.has(operation)) continue;
      const [sources, images] = [new Set(), new Set()];
      const visit = one => {
        if (sources.has(one)) return;
        sources.add(one);
        seen.add(one);
        for (const image of into.get(one) || []) {
          if (images.has(image)) continue;
          images.add(image);
          (from.get(image) || []).forEach(visit);
        }
      };
      visit(operation);
      note([...sources], [...images]);
    }
    for (const operation of stage.added) if (!from.has(operation)) note([], [operation]);
    for (const operation of stage.moved) {
      const text = model.loop(place, operation) ? "" : model.operations[operation].opcode;
      const key = `moved ${text}`;
      if (!found.has(key)) {
        found.set(key, { kind: "moved", fromText: text, intoText: "out of the loop", count: 0, examples: [] });
      }
      found.get(key).count += 1;
      found.get(key).examples.push({ from: [operation], into: [operation] });
    }
    return [...found.values()].sort((a, b) => b.count - a.count);
  }
}
