"use strict";
// The data in the form that the views need. docs/inspect.schema.json describes the JSON.

const data = JSON.parse(document.getElementById("inspection").textContent);

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter(child => child !== undefined && child !== null));
  return made;
};

const drawn = (name, attributes = {}, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
};

const grouped = number => Math.round(number).toString().replace(/\B(?=(\d{3})+$)/g, "\u2009");

/** The number with some significant digits, never in the notation with an exponent. */
const rounded = (number, digits) => {
  const text = number.toPrecision(digits);
  return text.includes("e") ? grouped(Number(text)) : text;
};

/** The number with a unit prefix: 1234567 becomes 1.23 M. */
const scaled = number => {
  for (const [limit, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (number >= limit) return `${rounded(number / limit, 3)} ${unit}`;
  }
  return `${number}`;
};

const bytesText = number => (number < 1000 ? `${number} B` : `${scaled(number)}B`);

/** The name of a weight without the parts that all names share. */
const shortName = name => name.replace(/^transformer\./, "").replace(/\.weight(?=$|\.)/, "");

const opcodes = new Map(data.opcodes.map(one => [one.name, one]));
const familyOf = opcode => (opcodes.has(opcode) ? opcodes.get(opcode).family : "other");
const meaningOf = opcode => (opcodes.has(opcode) ? opcodes.get(opcode).summary : "");

/** A function of the plan. Lookups are computed on first use. */
class FunctionModel {
  constructor(raw) {
    this.raw = raw;
    this.label = raw.label;
    this.operations = raw.operations;
    this.values = raw.values;
    this.stages = raw.stages;
    this.made = new Map();
  }

  once(key, make) {
    if (!this.made.has(key)) this.made.set(key, make());
    return this.made.get(key);
  }

  /** The index, in this function's stages, of the last one that is not after the given stage of the plan. */
  place(stage) {
    let found = 0;
    this.stages.forEach((own, index) => { if (own.stage <= stage) found = index; });
    return found;
  }

  value(number) { return this.values[number]; }
  name(number) { return this.values[number].name; }
  type(number) { return data.types[this.values[number].type]; }
  cost(operation) { return this.raw.costs[this.operations[operation].cost]; }

  /** The operations of a stage in order. The operations of a loop's body follow the loop. */
  inOrder(place) {
    return this.once(`order${place}`, () => {
      const stage = this.stages[place];
      const bodies = new Map(stage.loops.map(loop => [loop.operation, loop.operations]));
      return stage.operations.flatMap(operation => [operation, ...(bodies.get(operation) || [])]);
    });
  }

  loop(place, operation) { return this.stages[place].loops.find(loop => loop.operation === operation); }

  /** The operation of a stage that defines each value. */
  definitions(place) {
    return this.once(`definitions${place}`, () => {
      const found = new Map();
      for (const operation of this.inOrder(place)) {
        for (const result of this.operations[operation].results) found.set(result, operation);
      }
      return found;
    });
  }

  readers(place) {
    return this.once(`readers${place}`, () => {
      const found = new Map();
      const add = (value, operation) => {
        if (!found.has(value)) found.set(value, []);
        found.get(value).push(operation);
      };
      for (const operation of this.inOrder(place)) {
        for (const operand of this.operations[operation].operands) add(operand, operation);
      }
      return found;
    });
  }

  /** The operations that replaced each removed one, and the reverse, at a stage. */
  transitions(place) {
    return this.once(`transitions${place}`, () => {
      const into = new Map();
      const from = new Map();
      for (const transition of this.stages[place].became) {
        into.set(transition.operation, transition.into);
        for (const image of transition.into) {
          if (!from.has(image)) from.set(image, []);
          from.get(image).push(transition.operation);
        }
      }
      return { into, from };
    });
  }

  /** The change that a pass made to an operation: "new", "fused" (from several), "changed" (other operands) or "moved".
   * */
  change(place, operation) {
    const changes = this.once(`changes${place}`, () => {
      const stage = this.stages[place];
      const found = new Map(stage.moved.map(moved => [moved, "moved"]));
      const { into, from } = this.transitions(place);
      for (const added of stage.added) {
        const sources = from.get(added) || [];
        const same = sources.length === 1 && this.operations[sources[0]].opcode === this.operations[added].opcode
          && into.get(sources[0]).length === 1;
        found.set(added, sources.length === 0 ? "new" : same ? "changed" : "fused");
      }
      return found;
    });
    return changes.get(operation);
  }

  /** The operations of the last stage that took over the work of an operation of an earlier stage, or the stage that
   * dropped it. */
  fate(place, operation) {
    let current = [operation];
    for (let next = place + 1; next < this.stages.length; next++) {
      const { into } = this.transitions(next);
      const removed = this.once(`removed${next}`, () => new Set(this.stages[next].removed));
      if (!current.some(one => removed.has(one))) continue;
      current = [...new Set(current.flatMap(one => (removed.has(one) ? into.get(one) || [] : [one])))];
      if (current.length === 0) return { into: [], droppedBy: this.stages[next].stage };
    }
    return { into: current };
  }

  /** The operations of the first stage from which an operation of a stage was made. */
  origins(place, operation) {
    const all = this.once(`origins${place}`, () => {
      let found = new Map(this.inOrder(0).map(one => [one, [one]]));
      for (let next = 1; next <= place; next++) {
        const stage = this.stages[next];
        if (stage.removed.length === 0 && stage.added.length === 0) continue;
        const { from } = this.transitions(next);
        const after = new Map();
        for (const one of this.inOrder(next)) {
          const before = from.get(one) || (found.has(one) ? [one] : []);
          after.set(one, [...new Set(before.flatMap(old => found.get(old) || []))]);
        }
        found = after;
      }
      return found;
    });
    // A loop became all of its copies, so it identifies none of them.
    return (all.get(operation) || []).filter(one => one === operation || this.operations[one].opcode !== "repeat");
  }

  /** The numbers of the instructions that execute an operation of the last stage. */
  instructions(operation) {
    const all = this.once("instructions", () => {
      const found = new Map();
      this.raw.tape.forEach((instruction, number) => {
        if (instruction.operation === undefined) return;
        if (!found.has(instruction.operation)) found.set(instruction.operation, []);
        found.get(instruction.operation).push(number);
      });
      return found;
    });
    return all.get(operation) || [];
  }

  /** The line of an operation in the text form. */
  text(number) {
    const operation = this.operations[number];
    const inputs = operation.operands.map(operand => `%${this.name(operand)}`)
      .concat(operation.weights.map(weight => `@${data.weights[weight].name}`));
    if (operation.cache !== undefined) inputs.push(`@${data.caches[operation.cache].name}`);
    const results = operation.results.map(result => `%${this.name(result)}`).join(", ");
    const types = operation.results.map(result => this.type(result)).join(", ");
    return `${results ? `${results} = ` : ""}${operation.opcode} ${inputs.join(", ")}`
      + `${operation.attributes ? ` {${operation.attributes}}` : ""}${types ? ` : ${types}` : ""}`;
  }

  /** The text that a search compares with. */
  searchText(number) {
    return this.once(`search${number}`, () => this.text(number).toLowerCase());
  }
}

const functions = data.functions.map(raw => new FunctionModel(raw));
