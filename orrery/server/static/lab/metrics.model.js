// The numbers of runs in columns: taking in events, smoothing, axes. Pure: no page, no server.
//
// A table is what orrery/server/studio/history.py sends: {every, step, time, tokens, values, low, high}, a row a step.

/** A table without rows. */
export const emptyTable = () => ({ every: 1, step: [], time: [], tokens: [], values: {}, low: {}, high: {} });

/** Take a metric event into a table: a new row, or more of the row that its step has already. */
export function addEvent(table, event) {
  const last = table.step.length - 1;
  const { tokens = table.tokens[last] ?? 0, ...values } = event.values;
  if (last >= 0 && table.step[last] === event.step) {
    table.time[last] = event.time;
    table.tokens[last] = tokens;
  } else {
    table.step.push(event.step);
    table.time.push(event.time);
    table.tokens.push(tokens);
    for (const columns of [table.values, table.low, table.high]) for (const column of Object.values(columns)) column.push(null);
  }
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== "number") continue;
    table.values[name] ??= table.step.map(() => null);
    table.values[name][table.step.length - 1] = value;
  }
}

/** Take out what was logged past a step: a run that was killed does it again. */
export function dropAfter(table, step) {
  let rows = table.step.length;
  while (rows > 0 && table.step[rows - 1] > step) rows -= 1;
  const columns = [table.step, table.time, table.tokens, ...[table.values, table.low, table.high].flatMap(Object.values)];
  for (const column of columns) column.length = rows;
}

/**
 * The exponential moving average, without the pull of its beginning: after n values their weights add up to 1.
 * A constant stays exactly what it is. `weight` from 0 (as they are) to 0.999; null stays null.
 */
export function smooth(values, weight) {
  let mean = 0;
  let left = 1; // weight ** n
  return values.map((value) => {
    if (value === null || value === undefined) return null;
    left *= weight;
    mean += ((1 - weight) / (1 - left)) * (value - mean);
    return mean;
  });
}

/** The values of an axis: "step", "tokens", or "time" in minutes since the stage began. */
export function axisValues(table, axis) {
  if (axis === "time") return table.time.map((time) => (time - table.time[0]) / 60);
  return axis === "tokens" ? table.tokens : table.step;
}

export const AXES = [["step", "Step"], ["tokens", "Tokens"], ["time", "Minutes"]];

/**
 * Several series on one axis: [{x, columns: [[…], …]}, …] -> {x, series: [[column, …], …]}, null where a series has no value.
 * The same x within one series (tokens that did not grow) keeps its last value.
 */
export function joined(parts) {
  const x = [...new Set(parts.flatMap((part) => part.x))].sort((a, b) => a - b);
  if (parts.length === 1 && x.length === parts[0].x.length) return { x: parts[0].x, series: [parts[0].columns] };
  const place = new Map(x.map((value, index) => [value, index]));
  const series = parts.map((part) => part.columns.map((column) => {
    const spread = new Array(x.length).fill(null);
    part.x.forEach((value, row) => {
      if (column[row] !== null && column[row] !== undefined) spread[place.get(value)] = column[row];
    });
    return spread;
  }));
  return { x, series };
}

/** What stands at a row, or last before it. */
export function valueAt(column, row) {
  for (let at = Math.min(row, column.length - 1); at >= 0; at -= 1) if (column[at] !== null && column[at] !== undefined) return column[at];
  return null;
}

/** Rows as CSV; texts with commas, quotes or line ends are quoted. */
export function csv(columns, rows) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

/** Names of metrics in the order in which they are read: what tells most first, those of layers and genres left out. */
export function mainMetrics(table) {
  const first = ["loss", "held_out_loss", "bits_per_byte", "reward", "accuracy", "rewards/margins", "rewards/accuracies", "kl", "entropy",
    "completions/mean_length", "learning_rate", "grad_norm", "tokens_per_s"];
  const hidden = /^(supervised_tokens|seconds_left|floor_|bits_per_byte\/|grad_norm\/|time\/)/;
  const names = Object.keys(table.values).filter((name) => !hidden.test(name));
  return [...first.filter((name) => names.includes(name)), ...names.filter((name) => !first.includes(name))];
}
