"use strict";
// The graph of a function at a stage: drawing, zoom, pan, search, selection.

const zoomLimits = [0.02, 3];
/** The zoom below which only boxes and titles are readable. */
const farZoom = 0.45;

class GraphView {
  constructor(app) {
    this.app = app;
    this.root = element("div", { class: "graph" });
    this.svg = drawn("svg", { tabindex: 0, role: "application", "aria-label": "Graph. The arrow keys follow edges." });
    this.viewport = drawn("g");
    const arrow = drawn("marker", {
      id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto",
    }, drawn("path", { d: "M0 0L8 4L0 8z" }));
    this.svg.append(drawn("defs", {}, arrow), this.viewport);
    this.map = element("canvas", { class: "map", "aria-hidden": "true", width: 92, height: 600 });
    const button = (label, title, action) =>
      element("button", { type: "button", title, "aria-label": title, onclick: action }, label);
    this.foldButton = button("Unfold", "Unfold or fold the recurrences (u)", () => this.toggleFold());
    this.root.append(this.svg, this.map, element("div", { class: "tools" },
      button("+", "Zoom in (+)", () => this.zoomBy(1.25)), button("\u2212", "Zoom out (-)", () => this.zoomBy(0.8)),
      button("Fit", "Show all (0)", () => this.fit()), this.foldButton));
    this.elements = new Map();
    this.graphs = new Map();
    this.transform = { x: 0, y: 0, k: 1 };
    this.listen();
  }

  // Drawing the graph

  show() {
    const { model, place, unfolded } = this.app;
    const key = `${model.label} ${place} ${unfolded}`;
    if (!this.graphs.has(key)) this.graphs.set(key, new StageGraph(model, place, unfolded));
    const graph = this.graphs.get(key);
    if (this.graph !== graph) {
      const sameFunction = this.model === model;
      const anchor = sameFunction ? this.anchor() : undefined;
      this.graph = graph;
      this.model = model;
      this.draw();
      if (!this.restore(anchor)) this.home();
    }
    this.foldButton.hidden = model.stages[place].repetitions.length === 0;
    this.foldButton.textContent = unfolded ? "Fold" : "Unfold";
    this.find();
    this.select();
  }

  draw() {
    this.elements.clear();
    this.viewport.replaceChildren();
    this.boxes = [];
    this.drawLevel(this.graph.top, this.viewport, 0, 0, 0);
  }

  drawLevel(level, parent, x, y, depth) {
    const edges = drawn("g", { class: "edges" });
    parent.append(edges);
    for (const edge of level.edges) {
      if (edge.carried) continue;
      const path = drawn("path", { d: edge.path, "marker-end": edge.to.level ? null : "url(#arrow)" });
      edge.drawn = path;
      edges.append(path);
    }
    for (const node of level.nodes) {
      node.absolute = { x: x + node.x, y: y + node.y };
      const group = drawn("g", { transform: `translate(${node.x.toFixed(1)} ${node.y.toFixed(1)})` });
      group.node = node;
      this.elements.set(node, group);
      if (node.level) this.drawCluster(node, group, depth);
      else this.drawNode(node, group);
      parent.append(group);
      this.boxes.push(node);
    }
  }

  drawNode(node, group) {
    group.setAttribute("class", ["node", node.kind, node.family, node.change].filter(Boolean).join(" "));
    group.append(drawn("rect", { width: node.w.toFixed(1), height: node.h, rx: node.kind === "operation" ? 5 : node.h / 2 }));
    if (node.kind === "operation") {
      group.append(drawn("path", { class: "stripe", d: `M4 4V${node.h - 4}` }));
      group.append(drawn("text", { x: 14, y: 17, class: "title" }, node.title));
      node.lines.forEach((line, index) => {
        group.append(drawn("text", { x: 14, y: 33 + 15 * index, class: "line" }, line));
      });
    } else {
      group.append(drawn("text", { x: node.w / 2, y: 16, class: "title", "text-anchor": "middle" }, node.title));
      group.append(drawn("text", { x: node.w / 2, y: 30, class: "line", "text-anchor": "middle" }, node.lines[0]));
    }
  }

  drawCluster(node, group, depth) {
    group.setAttribute("class", `cluster ${node.folded ? "folded" : ""} ${node.change || ""}`);
    group.append(drawn("rect", { width: node.w.toFixed(1), height: node.h.toFixed(1), rx: 9 }));
    const title = drawn("g", { class: "heading" },
      drawn("rect", { width: node.w.toFixed(1), height: clusterTitle + 4, rx: 9 }),
      drawn("text", { x: 12, y: 17, class: "title" }, node.title),
      drawn("text", { x: 22 + textWidth(node.title, fonts.title), y: 17, class: "line" }, node.note));
    title.node = node;
    group.append(title);
    const { x, y } = node.inner;
    const inner = drawn("g", { transform: `translate(${x.toFixed(1)} ${y})` });
    group.append(inner);
    this.drawLevel(node.level, inner, node.absolute.x + x, node.absolute.y + y, depth + 1);
    const lines = drawn("g", { class: "edges" });
    const middle = port => port.x + port.w / 2;
    for (const port of node.ports) {
      lines.append(drawn("path", { d: `M${middle(port)} ${clusterTitle + 4 - y}V${port.y}` }));
    }
    for (const out of node.outs) lines.append(drawn("path", { d: `M${middle(out)} ${out.y + out.h}V${node.h - y}` }));
    for (const edge of node.level.edges.filter(one => one.carried)) {
      const [right, low, high] = [node.w - x - 7, edge.from.y + edge.from.h + 7, edge.to.y - 6];
      lines.append(drawn("path", {
        class: "carried", "marker-end": "url(#arrow)",
        d: `M${middle(edge.from) + 12} ${edge.from.y + edge.from.h}V${low}H${right}V${high}H${middle(edge.to) + 12}V${edge.to.y}`,
      }));
    }
    inner.append(lines);
  }

  // Selection and search

  select() {
    this.viewport.querySelectorAll(".selected, .near").forEach(one => one.classList.remove("selected", "near"));
    const node = this.graph.nodeOf.get(this.app.operation);
    this.selected = node;
    this.drawMap();
    if (!node) return;
    this.elements.get(node).classList.add("selected");
    for (const edge of this.edgesOf(node)) if (edge.drawn) edge.drawn.classList.add("near");
  }

  edgesOf(node) {
    const all = [];
    const visit = level => {
      all.push(...level.edges.filter(edge => edge.from === node || edge.to === node));
      level.nodes.forEach(one => { if (one.level) visit(one.level); });
    };
    visit(this.graph.top);
    return all;
  }

  find() {
    const text = this.app.query.trim().toLowerCase().replace(/^[%@]/, "");
    const nodes = new Set();
    this.hits = [];
    if (text) {
      for (const operation of this.model.inOrder(this.app.place)) {
        if (!this.model.searchText(operation).includes(text)) continue;
        this.hits.push(operation);
        nodes.add(this.graph.nodeOf.get(operation));
      }
    }
    for (const [node, group] of this.elements) group.classList.toggle("hit", nodes.has(node));
    this.root.classList.toggle("searching", Boolean(text));
    this.app.showHits(text ? this.hits : undefined);
    this.drawMap();
  }

  /** Goes to the next operation that the search found. */
  nextHit(step) {
    if (!this.hits.length) return;
    const current = this.hits.indexOf(this.app.operation);
    const next = current < 0 ? (step > 0 ? 0 : this.hits.length - 1) : (current + step + this.hits.length) % this.hits.length;
    this.app.go({ operation: this.hits[next] });
    this.reveal();
  }

  reveal() {
    const node = this.graph.nodeOf.get(this.app.operation);
    if (!node) return;
    const { width, height } = this.size();
    const k = Math.max(this.transform.k, 0.8);
    this.move({ k, x: width / 2 - k * (node.absolute.x + node.w / 2), y: height / 2 - k * (node.absolute.y + Math.min(node.h, 200) / 2) });
  }

  /** Goes to the nearest operation along an edge or, with the left and right arrows, next to the selected one. */
  step(key) {
    const all = this.boxes.filter(one => one.kind === "operation");
    const node = this.selected;
    if (!node || node.level) {
      if (all.length) this.app.go({ operation: all[0].operation });
      return this.reveal();
    }
    const down = key === "ArrowDown";
    let next;
    if (down || key === "ArrowUp") {
      const ends = this.edgesOf(node).map(edge => (down ? edge.from === node && edge.to : edge.to === node && edge.from));
      next = ends.find(one => one && one.kind === "operation");
    }
    if (!next) {
      const centre = one => ({ x: one.absolute.x + one.w / 2, y: one.absolute.y + one.h / 2 });
      const here = centre(node);
      let best = Infinity;
      for (const one of all) {
        const { x, y } = centre(one);
        const [dx, dy] = [x - here.x, y - here.y];
        const ahead = { ArrowDown: dy, ArrowUp: -dy, ArrowRight: dx, ArrowLeft: -dx }[key];
        const aside = key === "ArrowDown" || key === "ArrowUp" ? Math.abs(dx) : Math.abs(dy);
        if (ahead > 1 && ahead + 3 * aside < best) {
          best = ahead + 3 * aside;
          next = one;
        }
      }
    }
    if (!next) return;
    this.app.go({ operation: next.operation });
    this.reveal();
  }

  toggleFold() { this.app.go({ unfolded: !this.app.unfolded }); }

  // Zoom and pan

  size() {
    const { clientWidth, clientHeight } = this.svg;
    return { width: clientWidth || 800, height: clientHeight || 600 };
  }

  move(transform) {
    this.transform = transform;
    const { x, y, k } = transform;
    this.viewport.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${k.toFixed(4)})`);
    this.svg.classList.toggle("far", k < farZoom);
    this.drawMap();
  }

  zoomBy(factor, at) {
    const { width, height } = this.size();
    const centre = at || { x: width / 2, y: height / 2 };
    const { x, y, k } = this.transform;
    const next = Math.min(zoomLimits[1], Math.max(zoomLimits[0], k * factor));
    this.move({ k: next, x: centre.x - (centre.x - x) * (next / k), y: centre.y - (centre.y - y) * (next / k) });
  }

  fit() {
    const { width, height } = this.size();
    const { w, h } = this.graph.top;
    const k = Math.min(1, (width - 150) / Math.max(1, w), (height - 40) / Math.max(1, h));
    this.move({ k, x: (width - 92 - k * w) / 2, y: Math.max(20, (height - k * h) / 2) });
  }

  /** Shows the beginning of the graph, as large as the width allows. */
  home() {
    const { width } = this.size();
    const { w } = this.graph.top;
    const k = Math.min(0.95, Math.max(0.5, (width - 150) / Math.max(1, w)));
    const first = this.boxes.find(one => one.kind === "operation");
    const middle = k * w < width - 100 || !first ? w / 2 : first.absolute.x + first.w / 2;
    this.move({ k, x: (width - 92) / 2 - k * middle, y: 20 });
    if (this.app.operation !== undefined) this.reveal();
  }

  /** The operations in the middle of the view. They stay there when the stage changes. */
  anchor() {
    const { height } = this.size();
    const y = (height / 2 - this.transform.y) / this.transform.k;
    const visible = this.boxes.filter(one => one.kind === "operation" && one.absolute.y + one.h > y - 600 && one.absolute.y < y + 600)
      .sort((a, b) => Math.abs(a.absolute.y - y) - Math.abs(b.absolute.y - y));
    return {
      transform: this.transform,
      boxes: visible.map(one => ({
        operation: one.operation, results: this.model.operations[one.operation].results.map(value => this.model.name(value)),
        y: one.absolute.y, x: one.absolute.x + one.w / 2,
      })),
    };
  }

  restore(anchor) {
    if (!anchor) return false;
    const named = new Map();
    for (const one of this.boxes) {
      if (one.kind !== "operation") continue;
      for (const value of this.model.operations[one.operation].results) named.set(this.model.name(value), one);
    }
    for (const box of anchor.boxes) {
      const node = this.graph.nodeOf.get(box.operation) || box.results.map(name => named.get(name)).find(Boolean);
      if (!node || node.level) continue;
      const { x, y, k } = anchor.transform;
      this.move({ k, x: x + k * (box.x - node.absolute.x - node.w / 2), y: y + k * (box.y - node.absolute.y) });
      return true;
    }
    return false;
  }

  // The overview of the whole graph

  drawMap() {
    if (this.mapPending) return;
    this.mapPending = true;
    requestAnimationFrame(() => {
      this.mapPending = false;
      this.paintMap();
    });
  }

  mapScale() {
    const { w, h } = this.graph.top;
    const [width, height] = [92, this.map.clientHeight || 600];
    return { width, height, kx: (width - 12) / Math.max(1, w), ky: Math.min((height - 12) / Math.max(1, h), 0.2) };
  }

  paintMap() {
    if (!this.graph || !this.root.isConnected) return;
    const { width, height, kx, ky } = this.mapScale();
    const ratio = window.devicePixelRatio || 1;
    this.map.width = width * ratio;
    this.map.height = height * ratio;
    const context = this.map.getContext("2d");
    const style = getComputedStyle(this.root);
    const color = name => style.getPropertyValue(name);
    context.scale(ratio, ratio);
    const colors = { new: "--added", fused: "--added", changed: "--changed", moved: "--moved" };
    for (const node of this.boxes) {
      if (node.level) continue;
      const group = this.elements.get(node);
      context.fillStyle = color(node === this.selected ? "--accent" : group.classList.contains("hit") ? "--hit" : colors[node.change] || "--faint");
      context.fillRect(6 + node.absolute.x * kx, 6 + node.absolute.y * ky, Math.max(2, node.w * kx), Math.max(1, node.h * ky));
    }
    const { x, y, k } = this.transform;
    const view = this.size();
    context.strokeStyle = color("--accent");
    context.strokeRect(6.5 - (x / k) * kx, 6.5 - (y / k) * ky, (view.width / k) * kx, (view.height / k) * ky);
  }

  // Input

  /** Performs the action of a key; false if the key has none here. */
  key(key) {
    const actions = {
      "+": () => this.zoomBy(1.25), "=": () => this.zoomBy(1.25), "-": () => this.zoomBy(0.8), 0: () => this.fit(),
      u: () => this.toggleFold(), Escape: () => this.app.go({ operation: undefined }),
    };
    if (key.startsWith("Arrow")) this.step(key);
    else if (actions[key]) actions[key]();
    else return false;
    return true;
  }

  listen() {
    const { svg } = this;
    svg.addEventListener("wheel", event => {
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0016)), { x: event.clientX - box.left, y: event.clientY - box.top });
    }, { passive: false });
    let drag;
    svg.addEventListener("pointerdown", event => {
      if (event.button !== 0) return;
      drag = { x: event.clientX, y: event.clientY, from: this.transform, moved: false };
    });
    svg.addEventListener("pointermove", event => {
      if (!drag) return;
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (!drag.moved && Math.hypot(dx, dy) < 4) return;
      if (!drag.moved) svg.setPointerCapture(event.pointerId);
      drag.moved = true;
      this.move({ ...drag.from, x: drag.from.x + dx, y: drag.from.y + dy });
    });
    const release = () => {
      if (drag && drag.moved) this.dragged = true;
      drag = undefined;
    };
    svg.addEventListener("pointerup", release);
    svg.addEventListener("pointercancel", release);
    svg.addEventListener("click", event => {
      if (this.dragged) {
        this.dragged = false;
        return;
      }
      const group = event.target.closest("g.node, g.heading");
      const node = group && group.node;
      if (!node) return this.app.go({ operation: undefined });
      if (node.folded) return this.toggleFold();
      if (node.operation !== undefined) return this.app.go({ operation: node.operation });
      const operation = this.model.definitions(this.app.place).get(node.value);
      if (operation !== undefined) this.app.go({ operation });
    });
    const jump = event => {
      if (!(event.buttons & 1)) return;
      const box = this.map.getBoundingClientRect();
      const { kx, ky } = this.mapScale();
      const { width, height } = this.size();
      const { k } = this.transform;
      const [x, y] = [(event.clientX - box.left - 6) / kx, (event.clientY - box.top - 6) / ky];
      this.move({ k, x: width / 2 - k * x, y: height / 2 - k * y });
    };
    this.map.addEventListener("pointerdown", jump);
    this.map.addEventListener("pointermove", jump);
    new ResizeObserver(() => this.drawMap()).observe(svg);
  }
}
