"use strict";
// A picture of the arena, in which a buffer is a rectangle from its first to its last instruction. Next to it is the
// arena as it would be if no two buffers shared memory.

class MemoryView {
  constructor(app) {
    this.app = app;
    this.root = element("div", { class: "memory" });
    new ResizeObserver(() => { if (this.root.isConnected && this.model) this.draw(); }).observe(this.root);
  }

  show() {
    const { model } = this.app;
    if (this.model !== model) this.range = [0, Math.max(1, model.raw.tape.length)];
    this.model = model;
    this.draw();
  }

  draw() {
    const { raw } = this.model;
    const buffers = raw.memory.filter(one => one.place === "arena" && one.first !== undefined)
      .sort((a, b) => a.first - b.first || a.offset - b.offset);
    let sum = 0;
    const unshared = buffers.map(one => {
      const offset = sum;
      sum += one.bytes;
      return { ...one, offset };
    });
    const peak = buffers.find(one => one.offset + one.bytes === raw.arena_bytes_per_row);
    const width = Math.max(600, this.root.clientWidth - 32);
    const height = Math.max(320, this.root.clientHeight - 150);
    const left = Math.round(width * 0.62);
    const saved = raw.unplanned_bytes_per_row / Math.max(1, raw.arena_bytes_per_row);
    const writers = this.writers();
    this.root.replaceChildren(
      element("p", { class: "note" }, `${buffers.length} values in `, element("b", {}, `${grouped(raw.arena_bytes_per_row)} B`),
        ` per row. Without sharing, they would take ${grouped(raw.unplanned_bytes_per_row)} B, ${rounded(saved, 3)} times as much.`,
        peak ? ` The maximum is reached at instructions ${peak.first} to ${peak.last}, where %${peak.name} is the topmost value.` : ""),
      element("div", { class: "pictures" },
        this.picture("With planning", buffers, raw.arena_bytes_per_row, left, height, writers, { peak }),
        this.picture("Without", unshared, raw.unplanned_bytes_per_row, width - left - 16, height, writers,
          { mark: raw.arena_bytes_per_row })),
      element("p", { class: "note" }, "Vertical: bytes per row of the call. Horizontal: the instructions of the tape; the wheel zooms, dragging moves. ",
        "Color: the operation that wrote the value. Point at a rectangle, or use the arrow keys; click for its operation."));
  }

  /** The operation that writes each buffer, by the name of the buffer. */
  writers() {
    const { raw } = this.model;
    const found = new Map();
    for (const instruction of raw.tape) {
      for (const output of instruction.outputs) {
        const { name } = raw.memory[output];
        if (!found.has(name)) found.set(name, instruction);
      }
    }
    return found;
  }

  picture(title, buffers, total, width, height, writers, { peak, mark }) {
    const margin = { left: 62, right: 8, top: 24, bottom: 30 };
    const inner = { w: width - margin.left - margin.right, h: height - margin.top - margin.bottom };
    const [start, end] = this.range;
    const x = number => margin.left + (inner.w * (Math.min(end, Math.max(start, number)) - start)) / (end - start);
    const y = bytes => margin.top + inner.h * (1 - bytes / Math.max(1, total));
    // Outlines are left out if the rectangles are so narrow that outlines would hide them.
    const outlined = inner.w / (end - start) > 3 && total / this.model.raw.arena_bytes_per_row < 5;
    const svg = drawn("svg", { class: outlined ? "outlined" : "", width, height, tabindex: 0, role: "application", "aria-label": `${title}: ${grouped(total)} bytes per row` });
    svg.append(drawn("text", { x: margin.left, y: 14, class: "title" }, `${title}: ${grouped(total)} B per row`));
    for (const tick of this.ticks(total, 5)) {
      svg.append(drawn("path", { class: "grid", d: `M${margin.left} ${y(tick).toFixed(1)}H${width - margin.right}` }),
        drawn("text", { x: margin.left - 6, y: y(tick) + 4, "text-anchor": "end", class: "line" }, tick >= 1e6 ? `${tick / 1e6} MB` : tick >= 1e4 ? `${tick / 1e3} kB` : grouped(tick)));
    }
    for (const tick of this.ticks(end - start, Math.max(2, Math.floor(inner.w / 90))).map(one => Math.ceil(start) + one)) {
      if (tick <= end) svg.append(drawn("text", { x: x(tick), y: height - 12, "text-anchor": "middle", class: "line" }, `#${tick}`));
    }
    buffers = buffers.filter(one => one.first < end && one.last + 1 > start);
    const boxes = buffers.map(buffer => {
      const writer = writers.get(buffer.name);
      const box = drawn("rect", {
        x: x(buffer.first).toFixed(2), y: y(buffer.offset + buffer.bytes).toFixed(2),
        width: Math.max(1, x(buffer.last + 1) - x(buffer.first)).toFixed(2),
        height: Math.max(1, y(buffer.offset) - y(buffer.offset + buffer.bytes)).toFixed(2),
        class: `buffer ${writer ? familyOf(writer.opcode) : ""}`,
      });
      svg.append(box);
      return box;
    });
    if (peak) svg.append(drawn("path", { class: "peak", d: `M${margin.left} ${y(total).toFixed(1)}H${width - margin.right}` }));
    if (peak && peak.first >= start && peak.first < end) {
      svg.append(drawn("path", { class: "peak", d: `M${x(peak.first + 0.5).toFixed(1)} ${margin.top}V${height - margin.bottom}` }),
        drawn("text", { x: Math.min(x(peak.first) + 8, width - 190), y: margin.top + 13, class: "peak-text" }, `peak ${grouped(total)} B, %${peak.name}`));
    }
    if (mark) {
      svg.append(drawn("path", { class: "peak", d: `M${margin.left} ${y(mark).toFixed(1)}H${width - margin.right}` }),
        drawn("text", { x: width - margin.right - 4, y: y(mark) - 5, "text-anchor": "end", class: "peak-text" }, `with planning: ${grouped(mark)} B`));
    }
    svg.append(drawn("path", { class: "axis", d: `M${margin.left} ${margin.top}V${height - margin.bottom}H${width - margin.right}` }));

    const describe = (index, box) => {
      const buffer = buffers[index];
      boxes.forEach(one => one.classList.remove("selected"));
      box.classList.add("selected");
      const writer = writers.get(buffer.name);
      const place = box.getBoundingClientRect();
      this.app.tip(place.left + Math.min(place.width / 2, 200), place.top, [
        `%${buffer.name}: ${buffer.type}`, `${grouped(buffer.bytes)} B per row at offset ${grouped(buffer.offset)}`,
        `needed from #${buffer.first} to #${buffer.last}${writer ? `, written by ${writer.opcode}` : ""}`,
      ]);
    };
    const open = index => {
      const writer = writers.get(buffers[index].name);
      if (writer && writer.operation !== undefined) this.app.go({ operation: writer.operation, instruction: undefined });
    };
    svg.addEventListener("pointermove", event => {
      const index = boxes.indexOf(event.target);
      if (index >= 0) describe(index, boxes[index]);
      else this.app.tip();
    });
    svg.addEventListener("pointerleave", () => this.app.tip());
    svg.addEventListener("blur", () => this.app.tip());
    this.navigate(svg, margin.left, inner.w);
    svg.addEventListener("click", event => { if (boxes.includes(event.target)) open(boxes.indexOf(event.target)); });
    let current = -1;
    svg.addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step && boxes.length) {
        current = (current + step + boxes.length) % boxes.length;
        describe(current, boxes[current]);
      } else if (event.key === "Enter" && current >= 0) open(current);
      else return;
      event.preventDefault();
    });
    return svg;
  }

  /** Makes the wheel and dragging change the range of instructions that both pictures show. */
  navigate(svg, left, width) {
    const count = Math.max(1, this.model.raw.tape.length);
    const set = (start, length) => {
      const size = Math.min(count, Math.max(4, length));
      const from = Math.min(count - size, Math.max(0, start));
      this.range = [from, from + size];
      if (this.pending) return;
      this.pending = true;
      requestAnimationFrame(() => {
        this.pending = false;
        this.draw();
      });
    };
    svg.addEventListener("wheel", event => {
      event.preventDefault();
      const [start, end] = this.range;
      const share = (event.clientX - svg.getBoundingClientRect().left - left) / width;
      const length = (end - start) * Math.exp(event.deltaY * 0.0016);
      set(start + share * (end - start - length), length);
    }, { passive: false });
    svg.addEventListener("pointermove", event => {
      if (!(event.buttons & 1) || event.movementX === 0) return;
      const [start, end] = this.range;
      set(start - (event.movementX * (end - start)) / width, end - start);
    });
  }

  /** The round numbers from 0 to `total`, of which there are about `wanted`. */
  ticks(total, wanted) {
    const rough = total / Math.max(1, wanted);
    const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
    const step = Math.max(1, [1, 2, 5, 10].map(one => one * power).find(one => one >= rough) || power * 10);
    const found = [];
    for (let tick = 0; tick <= total; tick += step) found.push(tick);
    return found;
  }
}
