// The graph of an expression: where its boxes stand, what is folded together, and backward one node at a time.

/**
 * Fold chains: a value that is made of one other value alone, which nothing else uses, goes into one box with it.
 * graph: {nodes, edges, order} as the engine gives it -> the same, with `parts` (the operations) in each node.
 */
export function folded({ nodes, edges, order }) {
  const into = new Map(); // a node's id -> the id of the node that it is folded into
  const ingredients = (id) => edges.filter((edge) => edge.target === id);
  const uses = (id) => edges.filter((edge) => edge.source === id);
  for (const { id, operation } of nodes) {
    const [only, ...others] = ingredients(id);
    if (!operation || !only || others.length || uses(only.source).length !== 1) continue;
    if (nodes.find((node) => node.id === only.source).operation) into.set(only.source, id);
  }
  const last = (id) => (into.has(id) ? last(into.get(id)) : id);
  const chain = (id) => [...into.keys()].filter((one) => last(one) === id).sort((a, b) => a - b);
  return {
    nodes: nodes.filter(({ id }) => !into.has(id)).map((node) => {
      const parts = [...chain(node.id).map((id) => nodes.find((one) => one.id === id).operation), node.operation];
      return { ...node, parts: parts.filter(Boolean) };
    }),
    edges: edges.filter((edge) => !into.has(edge.source)).map((edge) => ({ source: edge.source, target: last(edge.target), local: edge.local * along(edge.target, into, edges) })),
    order: order.filter((id) => !into.has(id)),
  };
}

/** The whole graph in the same form: every operation a box of its own. */
export const unfolded = (graph) => ({ ...graph, nodes: graph.nodes.map((node) => ({ ...node, parts: node.operation ? [node.operation] : [] })) });

/** The product of the local gradients from a folded node to the box that it is in. */
function along(id, into, edges) {
  if (!into.has(id)) return 1;
  const edge = edges.find((one) => one.source === id);
  return edge.local * along(into.get(id), into, edges);
}

/**
 * Backward after `done` actions: 0 nothing, 1 the result has its 1, each later one a node that hands on.
 * -> {gradients: {id: number}, handed: [{source, target, local, amount, before}], node: the one that handed on last}.
 */
export function backward({ edges, order }, done) {
  const gradients = {};
  if (done > 0) gradients[order[0] ?? 0] = 1;
  let handed = [];
  let node = null;
  for (const id of order.slice(0, Math.max(0, done - 1))) {
    node = id;
    handed = edges.filter((edge) => edge.target === id).map((edge) => {
      const before = gradients[edge.source];
      const amount = edge.local * gradients[id];
      gradients[edge.source] = (before ?? 0) + amount;
      return { ...edge, amount, before };
    });
  }
  return { gradients, handed, node };
}

export const BOX = { width: 122, height: 54, gapX: 56, gapY: 18, margin: 10 };

/** The corner of every box: right of all its ingredients and near them in height -> {places: {id: [x, y]}, width, height}. */
export function layout({ nodes, edges }) {
  const parents = Object.fromEntries(nodes.map(({ id }) => [id, edges.filter((edge) => edge.target === id).map((edge) => edge.source)]));
  const column = {};
  for (const { id } of nodes) column[id] = 1 + Math.max(-1, ...parents[id].map((parent) => column[parent])); // ids count from the ingredients up
  for (const { id } of nodes) { // an ingredient stands just before the first thing that is made of it
    if (!parents[id].length) column[id] = Math.min(...edges.filter((edge) => edge.source === id).map((edge) => column[edge.target]), 1 + column[id]) - 1;
  }
  const places = {};
  const columns = Math.max(...Object.values(column)) + 1;
  for (let c = 0; c < columns; c += 1) {
    let free = BOX.margin;
    const wanted = (id) => parents[id].reduce((sum, parent) => sum + places[parent][1], 0) / Math.max(1, parents[id].length);
    const here = nodes.map(({ id }) => id).filter((id) => column[id] === c).sort((a, b) => wanted(a) - wanted(b));
    for (const id of here) {
      const y = Math.max(free, wanted(id));
      places[id] = [BOX.margin + c * (BOX.width + BOX.gapX), y];
      free = y + BOX.height + BOX.gapY;
    }
  }
  const top = Math.min(...Object.values(places).map(([, y]) => y)) - BOX.margin;
  for (const place of Object.values(places)) place[1] -= top;
  const bottom = Math.max(...Object.values(places).map(([, y]) => y)) + BOX.height + BOX.margin;
  return { places, width: 2 * BOX.margin + columns * BOX.width + (columns - 1) * BOX.gapX, height: bottom };
}
