"use strict";
// The state of the page, which is read from the address and written to it:
// #function=decode&stage=fuse-gate&view=graph&op=gated&search=…&unfold=1

/** The delay between a change and the update of the address, in milliseconds. */
const addressDelay = 150;

const viewNames = { graph: "Graph", tape: "Tape", memory: "Memory", passes: "Passes" };

class App {
  constructor() {
    this.views = {
      graph: new GraphView(this), tape: new TapeView(this), memory: new MemoryView(this), passes: new PassesView(this),
    };
    this.details = new DetailsPanel(this);
    this.content = document.getElementById("content");
    this.search = document.getElementById("search");
    this.hits = document.getElementById("hits");
    this.slider = document.getElementById("stage-slider");
    this.tipBox = document.getElementById("tip");
    this.reset();
    this.frame();
    this.read();
    this.render();
    window.addEventListener("hashchange", () => {
      if (location.hash === this.written) return;
      this.read();
      this.render();
    });
  }

  reset() {
    this.model = functions[0];
    this.stage = data.stages.length - 1;
    this.view = "graph";
    this.operation = undefined;
    this.instruction = undefined;
    this.unfolded = false;
    this.query = "";
  }

  /** The index of the shown stage in the function's list. The tape and the memory belong to the last stage. */
  get place() {
    return this.view === "graph" || this.view === "passes" ? this.model.place(this.stage) : this.model.stages.length - 1;
  }

  // The address

  read() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    this.reset();
    this.model = functions.find(one => one.label === wanted.get("function")) || this.model;
    const stage = data.stages.findIndex(one => one.name === wanted.get("stage"));
    if (stage >= 0) this.stage = stage;
    if (viewNames[wanted.get("view")]) this.view = wanted.get("view");
    this.unfolded = wanted.get("unfold") === "1";
    this.query = wanted.get("search") || "";
    const named = wanted.get("op");
    if (named) {
      this.operation = this.model.inOrder(this.place).find(one =>
        this.model.operations[one].results.some(value => this.model.name(value) === named));
      if (this.operation === undefined && /^\d+$/.test(named) && this.model.operations[named]) this.operation = Number(named);
    }
    const instruction = this.model.raw.tape[wanted.get("instruction")];
    if (instruction) {
      this.instruction = Number(wanted.get("instruction"));
      this.operation = instruction.operation;
    }
    this.search.value = this.query;
  }

  write() {
    const parts = new URLSearchParams({ function: this.model.label, stage: data.stages[this.model.stages[this.place].stage].name, view: this.view });
    if (this.operation !== undefined) parts.set("op", this.operationName());
    if (this.instruction !== undefined && this.view === "tape") parts.set("instruction", this.instruction);
    if (this.unfolded) parts.set("unfold", "1");
    if (this.query) parts.set("search", this.query);
    this.address = `#${parts}`;
    // Browsers limit how often the address may change, and a moving slider changes it often.
    if (this.writing) return;
    this.writing = setTimeout(() => {
      this.writing = undefined;
      this.written = this.address;
      history.replaceState(null, "", this.written);
    }, addressDelay);
  }

  operationName() {
    const { results } = this.model.operations[this.operation];
    // The number is used only for an operation without results, because reading the address prefers names of values.
    return results.length ? this.model.name(results[0]) : `${this.operation}`;
  }

  /** Changes the state and shows it. */
  go(changes, reveal) {
    if (changes.model && changes.model !== this.model) {
      this.operation = undefined;
      this.instruction = undefined;
    }
    if ("operation" in changes && !("instruction" in changes)) this.instruction = undefined;
    Object.assign(this, changes);
    this.render();
    if (reveal && this.view === "graph") this.views.graph.reveal();
  }

  // The frame

  frame() {
    const { settings } = data;
    document.getElementById("plan").textContent = data.plan;
    const facts = [`width ${grouped(settings.width)}`, `vocabulary ${grouped(settings.vocabulary)}`, `context ${grouped(settings.context)}`, `${settings.weights} weights`];
    if (data.bytes) facts.unshift(bytesText(data.bytes));
    document.getElementById("facts").textContent = facts.join(" \u00b7 ");
    const views = document.getElementById("views");
    for (const [view, title] of Object.entries(viewNames)) {
      views.append(element("button", { type: "button", role: "tab", id: `view-${view}`, "aria-controls": "content", onclick: () => this.go({ view }) }, title));
    }
    const list = document.getElementById("function-list");
    for (const model of functions) {
      const totals = model.stages.map(stage => stage.totals);
      list.append(element("li", {}, element("button", { type: "button", onclick: () => this.go({ model }) },
        element("b", {}, model.label),
        element("small", {}, `${grouped(totals[0].operations)} \u2192 ${grouped(totals[totals.length - 1].operations)} operations`))));
    }
    const legend = document.getElementById("legend");
    const entry = (kind, text) => element("div", { class: kind }, element("i"), text);
    legend.append(element("h2", {}, "Colors"),
      entry("matrix", "reads a matrix"), entry("attention", "attention and caches"), entry("norm", "norms"),
      entry("move", "moves and conversions"), entry("other", "other arithmetic"),
      element("div", { class: "changes-legend" }, entry("fused", "made by this pass"), entry("changed", "given other operands"), entry("moved", "moved by this pass")));
    this.slider.addEventListener("input", () => this.go({ view: this.view === "passes" ? "passes" : "graph", stage: this.model.stages[Number(this.slider.value)].stage }));
    this.search.addEventListener("input", () => {
      this.query = this.search.value;
      if (this.view !== "graph") this.view = "graph";
      this.render();
    });
    this.search.addEventListener("keydown", event => {
      if (event.key === "Enter") this.views.graph.nextHit(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") this.search.blur();
      else return;
      event.preventDefault();
    });
    document.addEventListener("keydown", event => {
      if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
      const step = { "[": -1, "]": 1 }[event.key];
      const view = Object.keys(viewNames)[Number(event.key) - 1];
      const inGraph = this.view === "graph" && (event.target === document.body || event.target === this.views.graph.svg);
      if (event.key === "/") this.search.focus();
      else if (inGraph && this.views.graph.key(event.key)) return event.preventDefault();
      else if (step) {
        const place = Math.min(this.model.stages.length - 1, Math.max(0, this.model.place(this.stage) + step));
        this.go({ stage: this.model.stages[place].stage });
      } else if (view) this.go({ view });
      else return;
      event.preventDefault();
    });
  }

  render() {
    const { model, view } = this;
    document.getElementById("function-list").querySelectorAll("button").forEach((button, index) => {
      button.setAttribute("aria-current", functions[index] === model ? "true" : "false");
    });
    for (const name of Object.keys(viewNames)) {
      document.getElementById(`view-${name}`).setAttribute("aria-selected", name === view ? "true" : "false");
    }
    this.tip();
    if (this.content.firstChild !== this.views[view].root) this.content.replaceChildren(this.views[view].root);
    document.body.dataset.view = view;
    document.getElementById("stages").hidden = view === "tape" || view === "memory";
    this.renderStages();
    this.hits.textContent = "";
    this.views[view].show();
    this.details.show();
    this.write();
  }

  renderStages() {
    const { model } = this;
    const bars = document.getElementById("stage-bars");
    const most = Math.max(...model.stages.map(stage => stage.totals.operations));
    const place = model.place(this.stage);
    bars.replaceChildren(...model.stages.map((stage, index) => {
      const { name, summary } = data.stages[stage.stage];
      const bar = element("i");
      bar.style.height = `${Math.max(2, (30 * stage.totals.operations) / most)}px`;
      const touched = stage.added.length || stage.removed.length || stage.moved.length;
      return element("div", {
        class: [index === place && "current", touched && "touched"].filter(Boolean).join(" "), title: `${name}: ${summary}`,
        onclick: () => this.go({ stage: stage.stage }),
      }, bar, `${grouped(stage.totals.operations)}`);
    }));
    document.getElementById("stages").style.setProperty("--stages", model.stages.length);
    this.slider.max = model.stages.length - 1;
    this.slider.value = place;
    const { name, summary } = data.stages[model.stages[place].stage];
    this.slider.setAttribute("aria-valuetext", name);
    document.getElementById("stage-text").replaceChildren(element("b", {}, name), ` ${summary}`);
  }

  showHits(hits) {
    if (!hits) this.hits.textContent = "";
    else {
      const at = hits.indexOf(this.operation);
      this.hits.textContent = hits.length === 0 ? "nothing" : at < 0 ? `${hits.length} found` : `${at + 1} of ${hits.length}`;
    }
  }

  /** Shows a note at a position in the window, or hides it. */
  tip(x, y, lines) {
    this.tipBox.hidden = !lines;
    if (!lines) return;
    this.tipBox.replaceChildren(...lines.map(line => element("div", {}, line)));
    const { offsetWidth, offsetHeight } = this.tipBox;
    this.tipBox.style.left = `${Math.max(4, Math.min(x, window.innerWidth - offsetWidth - 8))}px`;
    this.tipBox.style.top = `${Math.max(4, y - offsetHeight - 8)}px`;
  }
}

new App();
