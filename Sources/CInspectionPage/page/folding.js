"use strict";
// The levels that layout.js draws for a stage. An operation is a node and a loop is a cluster; a repeated stretch is a
// cluster that shows one copy. Values enter and leave a cluster through its ports.

/** The maximum number of edges of a parameter with one integer per row. One with more readers is drawn without edges.
 * */
const maxEdges = 4;

const measuring = document.createElement("canvas").getContext("2d");
const textWidth = (text, font) => {
  measuring.font = font;
  return measuring.measureText(text).width;
};
const fonts = {
  title: "600 12.5px system-ui, sans-serif",
  line: "11px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
};

class StageGraph {
  constructor(model, place, unfolded) {
    this.model = model;
    this.stage = model.stages[place];
    this.place = place;
    /** The node that shows each operation. The copies of a folded operation share a node. */
    this.nodeOf = new Map();
    this.top = { nodes: [], edges: [] };
    /** The origin of each value at the top level: {node, port}. */
    this.sources = new Map();
    this.numbers = new Map();
    this.connected = new Set();
    this.repetition = unfolded ? undefined : this.stage.repetitions[0];
    this.build();
    layOut(this.top);
  }

  build() {
    const { model, stage } = this;
    const readers = model.readers(this.place);
    for (const parameter of model.raw.parameters) {
      const uses = (readers.get(parameter) || []).length;
      if (model.type(parameter).startsWith("i32") && uses > maxEdges) continue;
      if (uses === 0 && !stage.returns.includes(parameter)) continue;
      this.sources.set(parameter, { node: this.add(this.top, this.valueNode("in", parameter)) });
    }
    const end = this.repetition ? this.repetition.start + this.repetition.period * this.repetition.count : 0;
    stage.operations.forEach((operation, index) => {
      if (this.repetition && index >= this.repetition.start && index < end) {
        if (index === this.repetition.start) this.addFold();
        return;
      }
      const loop = model.loop(this.place, operation);
      if (loop) this.addLoop(operation, loop);
      else this.addOperation(this.top, operation, this.sources);
    });
    stage.returns.forEach(value => {
      const node = this.add(this.top, this.valueNode("out", value));
      this.connect(this.top, this.sources.get(value), { node });
    });
  }

  // Nodes

  add(level, node) {
    level.nodes.push(node);
    return node;
  }

  valueNode(kind, value, text) {
    const title = text || this.model.name(value);
    const type = this.model.type(value);
    const width = Math.max(textWidth(title, fonts.title), textWidth(type, fonts.line)) + 28;
    return { kind, value, title, lines: [type], w: Math.max(70, width), h: 38 };
  }

  operationNode(operation) {
    const { model } = this;
    const raw = model.operations[operation];
    const lines = [];
    if (raw.weights.length) {
      const others = raw.weights.length > 1 ? ` +${raw.weights.length - 1}` : "";
      lines.push(shortName(data.weights[raw.weights[0]].name) + others);
    }
    if (raw.opcode === "slice") lines.push(raw.attributes.replace("from = ", "columns ").replace(", to = ", " to "));
    if (raw.cache !== undefined && raw.weights.length === 0) lines.push(`cache ${data.caches[raw.cache].name}`);
    raw.results.forEach(result => lines.push(`%${model.name(result)}: ${model.type(result)}`));
    const widths = [textWidth(raw.opcode, fonts.title), ...lines.map(line => textWidth(line, fonts.line))];
    return {
      kind: "operation", operation, title: raw.opcode, lines, family: familyOf(raw.opcode),
      change: this.place > 0 ? model.change(this.place, operation) : undefined,
      w: Math.max(90, Math.max(...widths) + 28), h: 24 + 15 * lines.length,
    };
  }

  /** The unique number of a node or port. */
  number(end) {
    if (!end) return "";
    if (!this.numbers.has(end)) this.numbers.set(end, this.numbers.size);
    return this.numbers.get(end);
  }

  connect(level, from, to) {
    if (!from || (from.node === to.node && !from.port)) return;
    const key = [from.node, from.port, to.node, to.port].map(end => this.number(end)).join();
    if (this.connected.has(key)) return;
    this.connected.add(key);
    level.edges.push({ from: from.node, fromPort: from.port, to: to.node, toPort: to.port });
  }

  addOperation(level, operation, sources) {
    const node = this.add(level, this.operationNode(operation));
    this.nodeOf.set(operation, node);
    for (const operand of this.model.operations[operation].operands) {
      this.connect(level, sources.get(operand), { node });
    }
    for (const result of this.model.operations[operation].results) sources.set(result, { node });
  }

  // Clusters

  cluster(title, note) {
    const node = {
      kind: "cluster", title, note, level: { nodes: [], edges: [] }, ports: [], outs: [],
      titleWidth: textWidth(title, fonts.title) + textWidth(note || "", fonts.line) + 24,
    };
    return node;
  }

  /** The port of a key at the top of a cluster. It is created on first use. */
  port(cluster, key, value, text) {
    let port = cluster.ports.find(one => one.key === key);
    if (!port) {
      port = { ...this.valueNode("port", value, text), key };
      cluster.ports.push(port);
      // Ports come before all operations, so that edges lead forward.
      cluster.level.nodes.splice(cluster.ports.length - 1, 0, port);
    }
    return port;
  }

  out(cluster, key, value, from) {
    let port = cluster.outs.find(one => one.key === key);
    if (!port) {
      port = { ...this.valueNode("yield", value), key };
      cluster.outs.push(port);
      cluster.level.nodes.push(port);
      this.connect(cluster.level, from, { node: port });
    }
    return port;
  }

  /** Fills a cluster with operations. `outside` returns the port of a value from outside, or nothing. */
  fill(cluster, operations, inner, outside) {
    for (const operation of operations) {
      this.model.operations[operation].operands.forEach((operand, index) => {
        if (inner.has(operand)) return;
        const port = outside(operand, operation, index);
        if (port) inner.set(operand, { node: port });
      });
      this.addOperation(cluster.level, operation, inner);
    }
  }

  carry(cluster, out, port) {
    if (!cluster.level.edges.some(edge => edge.carried && edge.from === out && edge.to === port)) {
      cluster.level.edges.push({ from: out, to: port, carried: true });
    }
  }

  addLoop(operation, loop) {
    const { model } = this;
    const count = loop.count === undefined ? "as often as the caller decides" : `${loop.count} times`;
    const cluster = this.cluster("repeat", count);
    cluster.operation = operation;
    cluster.change = this.place > 0 ? model.change(this.place, operation) : undefined;
    const inner = new Map();
    loop.parameters.forEach((parameter, index) => {
      inner.set(parameter, { node: this.port(cluster, `carried${index}`, parameter) });
    });
    const captured = [];
    this.fill(cluster, loop.operations, inner, value => {
      if (!this.sources.has(value)) return undefined;
      const port = this.port(cluster, value, value);
      captured.push([value, port]);
      return port;
    });
    this.add(this.top, cluster);
    this.nodeOf.set(operation, cluster);
    const initial = model.operations[operation].operands;
    loop.parameters.forEach((parameter, index) => {
      this.connect(this.top, this.sources.get(initial[index]), { node: cluster, port: cluster.ports.find(port => port.key === `carried${index}`) });
    });
    for (const [value, port] of captured) this.connect(this.top, this.sources.get(value), { node: cluster, port });
    loop.yields.forEach((value, index) => {
      const out = this.out(cluster, `carried${index}`, value, inner.get(value) || this.sources.get(value));
      this.carry(cluster, out, cluster.ports.find(port => port.key === `carried${index}`));
      this.sources.set(model.operations[operation].results[index], { node: cluster, port: out });
    });
  }

  /** Adds one copy of the repeated stretch. The second copy is shown, because the first may read other values than the
   * rest. */
  addFold() {
    const { model, repetition } = this;
    const { start, period, count } = repetition;
    const operations = this.stage.operations.slice(start, start + period * count);
    const shown = period;
    const copy = operations.slice(shown, shown + period);
    const places = new Map();
    operations.forEach((operation, index) => {
      model.operations[operation].results.forEach((result, number) => places.set(result, { index, number }));
    });
    const cluster = this.cluster(`${count} times`, `${period} operations, folded; click to unfold`);
    cluster.folded = true;
    const inner = new Map();
    const entering = [];
    const carried = [];
    this.fill(cluster, copy, inner, (value, operation, operand) => {
      const from = places.get(value);
      if (!from) {
        if (!this.sources.has(value)) return undefined;
        const port = this.port(cluster, value, value);
        entering.push([value, port]);
        return port;
      }
      const offset = from.index % period;
      const key = `${offset}.${from.number}`;
      const port = this.port(cluster, key, value, `${model.name(value)} (last)`);
      const first = operations[(copy.indexOf(operation))];
      entering.push([model.operations[first].operands[operand], port]);
      carried.push([key, offset, from.number, port]);
      return port;
    });
    const exit = (offset, number) => {
      const value = model.operations[copy[offset]].results[number];
      return this.out(cluster, `${offset}.${number}`, value, inner.get(value));
    };
    for (const [, offset, number, port] of carried) this.carry(cluster, exit(offset, number), port);
    const readLater = new Set(this.stage.returns);
    this.stage.operations.slice(start + period * count).forEach(operation => {
      model.operations[operation].operands.forEach(operand => readLater.add(operand));
    });
    this.add(this.top, cluster);
    for (const [value, port] of entering) this.connect(this.top, this.sources.get(value), { node: cluster, port });
    for (const [value, from] of places) {
      if (readLater.has(value)) this.sources.set(value, { node: cluster, port: exit(from.index % period, from.number) });
    }
    operations.forEach((operation, index) => {
      this.nodeOf.set(operation, this.nodeOf.get(copy[index % period]));
    });
  }
}
