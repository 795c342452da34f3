"use strict";
// A layered drawing of a graph, from top to bottom. Layers are found by the longest path, the order within a layer by
// barycenters, and the x coordinates by least squares. A level is {nodes, edges}, and a node is {w, h, level?,
// inPorts?, outPorts?}. A node with a level is a cluster, whose size follows from its contents. The layout sets x and y
// of the nodes, which is their top left corner within the level, the path of the edges, and w and h of the level.

const layerGap = 30;
const nodeGap = 22;
const clusterPadding = 16;
const clusterTitle = 22;
const sweeps = 8;

/** The strengths with which the ends of an edge attract each other. Neighbors are placed straight below each other, and
 * so are the points of a long edge, which yields to nodes at its ends. A weak pull to the middle keeps long graphs from
 * leaning. */
const pull = { neighbours: 4, points: 2, start: 0.3, end: 0.2, middle: 0.15 };

/** The solution of a least squares problem with order: the positions nearest to the desired ones that keep the
 * distances (pool adjacent violators). */
function spread(desired, weights, separations) {
  const offsets = [0];
  for (let i = 1; i < desired.length; i++) offsets.push(offsets[i - 1] + separations[i - 1]);
  const pools = [];
  desired.forEach((place, i) => {
    pools.push({ mean: place - offsets[i], weight: weights[i], count: 1 });
    while (pools.length > 1 && pools[pools.length - 2].mean > pools[pools.length - 1].mean) {
      const last = pools.pop();
      const pool = pools[pools.length - 1];
      const weight = pool.weight + last.weight;
      pool.mean = (pool.mean * pool.weight + last.mean * last.weight) / weight;
      pool.weight = weight;
      pool.count += last.count;
    }
  });
  const places = [];
  for (const pool of pools) for (let i = 0; i < pool.count; i++) places.push(pool.mean + offsets[places.length]);
  return places;
}

function layOut(level) {
  const { nodes } = level;
  for (const node of nodes) if (node.level) sizeCluster(node);
  const edges = level.edges.filter(edge => !edge.carried);
  const ranks = rank(nodes, edges);
  const { layers, items, links, chains } = layer(nodes, edges, ranks);
  order(layers);
  place(layers);
  chains.forEach(chain => straighten(chain, layers));
  finish(level, layers, items, links);
}

function sizeCluster(node) {
  layOut(node.level);
  node.w = Math.max(node.level.w + 2 * clusterPadding, node.titleWidth + 2 * clusterPadding);
  node.h = node.level.h + clusterTitle + 2 * clusterPadding;
  const shift = (node.w - node.level.w) / 2;
  node.inner = { x: shift, y: clusterTitle + clusterPadding };
}

/** The layer of each node. Nodes are in an order in which edges lead forward. */
function rank(nodes, edges) {
  const ranks = new Map(nodes.map(node => [node, 0]));
  const incoming = new Map(nodes.map(node => [node, []]));
  const outgoing = new Map(nodes.map(node => [node, []]));
  for (const edge of edges) {
    incoming.get(edge.to).push(edge.from);
    outgoing.get(edge.from).push(edge.to);
  }
  for (const node of nodes) {
    for (const from of incoming.get(node)) ranks.set(node, Math.max(ranks.get(node), ranks.get(from) + 1));
  }
  // A node without inputs moves down to the layer above its first reader.
  for (const node of nodes) {
    if (node.kind === "port" || incoming.get(node).length || !outgoing.get(node).length) continue;
    ranks.set(node, Math.min(...outgoing.get(node).map(to => ranks.get(to))) - 1);
  }
  const last = Math.max(0, ...ranks.values());
  for (const node of nodes) if (node.kind === "yield") ranks.set(node, Math.max(last, 1));
  return ranks;
}

/** The layers of nodes and points. A point is where an edge crosses a layer. All edges from the same origin share their
 * points. */
function layer(nodes, edges, ranks) {
  const layers = [];
  const items = new Map();
  const add = (rank, item) => {
    while (layers.length <= rank) layers.push([]);
    layers[rank].push(item);
    return item;
  };
  const item = (node, w, h) => ({ node, w, h, x: 0, before: [], after: [], index: 0 });
  for (const node of nodes) items.set(node, add(ranks.get(node), item(node, node.w, node.h)));

  const sources = new Map();
  for (const edge of edges) {
    const key = edge.fromPort || edge.from;
    if (!sources.has(key)) sources.set(key, []);
    sources.get(key).push(edge);
  }
  const links = [];
  const chains = [];
  for (const bundle of sources.values()) {
    bundle.sort((a, b) => ranks.get(a.to) - ranks.get(b.to));
    const start = items.get(bundle[0].from);
    const chain = [start];
    let rank = ranks.get(bundle[0].from);
    const startOffset = portOffset(bundle[0].from, bundle[0].fromPort);
    const connect = (from, to, fromOffset, toOffset, weight) => {
      from.after.push({ item: to, own: fromOffset, other: toOffset, weight });
      to.before.push({ item: from, own: toOffset, other: fromOffset, weight });
    };
    for (const edge of bundle) {
      const goal = ranks.get(edge.to);
      while (rank < goal - 1) {
        rank += 1;
        const point = add(rank, item(null, 8, 0));
        point.rank = rank;
        const previous = chain[chain.length - 1];
        connect(previous, point, previous === start ? startOffset : 0, 0, previous === start ? pull.start : pull.points);
        chain.push(point);
      }
      const length = goal - ranks.get(edge.from);
      const previous = chain[length - 1];
      connect(previous, items.get(edge.to), previous === start ? startOffset : 0, portOffset(edge.to, edge.toPort),
        previous === start ? pull.neighbours : pull.end);
      links.push({ edge, chain: chain.slice(0, length) });
    }
    if (chain.length > 2) chains.push(chain.slice(1));
  }
  return { layers, items, links, chains };
}

/** The offset of a cluster's port from the center of the cluster. */
function portOffset(node, port) {
  return port && node.level ? node.inner.x + port.x + port.w / 2 - node.w / 2 : 0;
}

function order(layers) {
  const renumber = line => line.forEach((item, index) => { item.index = index; });
  layers.forEach(renumber);
  const sweep = (line, side) => {
    for (const item of line) {
      const neighbours = item[side];
      item.key = neighbours.length
        ? neighbours.reduce((sum, link) => sum + link.item.index + (link.other > 0 ? 0.1 : link.other < 0 ? -0.1 : 0), 0)
          / neighbours.length
        : item.index;
    }
    line.sort((a, b) => a.key - b.key || a.index - b.index);
    renumber(line);
  };
  for (let turn = 0; turn < sweeps; turn++) {
    if (turn % 2 === 0) for (let i = 1; i < layers.length; i++) sweep(layers[i], "before");
    else for (let i = layers.length - 2; i >= 0; i--) sweep(layers[i], "after");
  }
}

/** Sets the x coordinate of every item's center. */
function place(layers) {
  for (const line of layers) {
    let x = 0;
    for (const item of line) {
      item.x = x + item.w / 2;
      x += item.w + nodeGap;
    }
    for (const item of line) item.x -= x / 2;
  }
  const align = (line, sides) => {
    const desired = [];
    const weights = [];
    for (const item of line) {
      let sum = 0;
      let weight = pull.middle;
      for (const side of sides) {
        for (const link of item[side]) {
          sum += link.weight * (link.item.x + link.other - link.own);
          weight += link.weight;
        }
      }
      desired.push(sum / weight);
      weights.push(weight);
    }
    const separations = line.slice(1).map((item, i) => (line[i].w + item.w) / 2 + nodeGap);
    spread(desired, weights, separations).forEach((x, i) => { line[i].x = x; });
  };
  for (let turn = 0; turn < sweeps; turn++) {
    const sides = turn < sweeps - 2 ? null : ["before", "after"];
    if (turn % 2 === 0) for (let i = 0; i < layers.length; i++) align(layers[i], sides || ["before"]);
    else for (let i = layers.length - 1; i >= 0; i--) align(layers[i], sides || ["after"]);
  }
}

/** Aligns the points of a long edge vertically, as far as the items next to them allow. */
function straighten(chain, layers) {
  let start = 0;
  let [low, high] = [-Infinity, Infinity];
  const settle = end => {
    const points = chain.slice(start, end);
    const mean = points.reduce((sum, point) => sum + point.x, 0) / Math.max(1, points.length);
    for (const point of points) point.x = Math.min(high, Math.max(low, mean));
    start = end;
    [low, high] = [-Infinity, Infinity];
  };
  chain.forEach((point, index) => {
    const line = layers[point.rank];
    const [left, right] = [line[point.index - 1], line[point.index + 1]];
    const from = left ? left.x + (left.w + point.w) / 2 + nodeGap / 2 : -Infinity;
    const to = right ? right.x - (right.w + point.w) / 2 - nodeGap / 2 : Infinity;
    if (Math.max(low, from) > Math.min(high, to)) settle(index);
    low = Math.max(low, from);
    high = Math.min(high, to);
  });
  settle(chain.length);
}

function finish(level, layers, items, links) {
  let left = Infinity;
  let right = -Infinity;
  for (const line of layers) {
    for (const item of line) {
      left = Math.min(left, item.x - item.w / 2);
      right = Math.max(right, item.x + item.w / 2);
    }
  }
  if (left > right) left = right = 0;
  let y = 0;
  for (const line of layers) {
    const height = Math.max(0, ...line.map(item => item.h));
    for (const item of line) {
      item.top = item.node ? y + (height - item.h) / 2 : y;
      item.bottom = item.node ? item.top + item.h : y + height;
      item.x -= left;
      if (item.node) {
        item.node.x = item.x - item.w / 2;
        item.node.y = item.top;
      }
    }
    y += height + layerGap;
  }
  level.w = right - left;
  level.h = Math.max(0, y - layerGap);

  // Edges that reach a node from above arrive next to each other, in the order of their last points.
  const arrivals = new Map();
  for (const link of links) {
    const { edge } = link;
    if (edge.to.level) {
      link.end = items.get(edge.to).x + portOffset(edge.to, edge.toPort);
      continue;
    }
    if (!arrivals.has(edge.to)) arrivals.set(edge.to, []);
    arrivals.get(edge.to).push(link);
  }
  for (const [node, list] of arrivals) {
    list.sort((a, b) => a.chain[a.chain.length - 1].x - b.chain[b.chain.length - 1].x);
    const width = Math.min(node.w - 16, 26 * (list.length - 1));
    list.forEach((link, i) => {
      const offset = list.length > 1 ? width * (i / (list.length - 1) - 0.5) : 0;
      link.end = items.get(node).x + offset;
    });
  }
  for (const link of links) {
    const { edge, chain } = link;
    let x = chain[0].x + portOffset(edge.from, edge.fromPort);
    let bottom = chain[0].bottom;
    let y = bottom;
    const path = [`M${x.toFixed(1)} ${y.toFixed(1)}`];
    const drop = toY => {
      if (toY - y > 0.1) path.push(`V${toY.toFixed(1)}`);
      y = toY;
    };
    // A straight stretch is written only where it ends, which for a long edge is many layers further down.
    const bend = (toX, toY) => {
      if (Math.abs(toX - x) < 0.5) return;
      const middle = (bottom + toY) / 2;
      drop(bottom);
      path.push(`C${x.toFixed(1)} ${middle.toFixed(1)} ${toX.toFixed(1)} ${middle.toFixed(1)} ${toX.toFixed(1)} ${toY.toFixed(1)}`);
      x = toX;
      y = toY;
    };
    for (const point of chain.slice(1)) {
      bend(point.x, point.top);
      bottom = point.bottom;
    }
    const goal = items.get(edge.to).top;
    bend(link.end, goal);
    drop(goal);
    edge.path = path.join("");
  }
}
