// Attention at one position, from a query, keys and values: the steps that orrery/models/trace.py takes.

/** The sum of products of two vectors. */
export const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

/**
 * Query [C], keys and values [T][C], and the position of the query -> {dots, scores, weights, mixed}.
 * Scores are dots / √C; of tokens after the position the weight is 0: the mask hides them.
 */
export function lookBack(query, keys, values, position) {
  const dots = keys.map((key) => dot(query, key));
  const scores = dots.map((value) => value / Math.sqrt(query.length));
  const seen = scores.slice(0, position + 1);
  const largest = Math.max(...seen);
  const powers = seen.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  const weights = scores.map((_, s) => (s <= position ? powers[s] / sum : 0));
  const mixed = query.map((_, c) => weights.reduce((total, weight, s) => total + weight * values[s][c], 0));
  return { dots, scores, weights, mixed };
}

/** Row `index` of the last dimension of an array {shape, data}, as plain numbers: row(keys, 3) is token 3's key. */
export function row({ shape, data }, index) {
  const width = shape[shape.length - 1];
  return Array.from(data.subarray(index * width, (index + 1) * width));
}

/** One head's weights [T T] out of all [L H T T], as an array {shape, data} that shares their numbers. */
export function headOf({ shape: [, heads, T], data }, layer, head) {
  const start = (layer * heads + head) * T * T;
  return { shape: [T, T], data: data.subarray(start, start + T * T) };
}

/** Where the tokens of a line stand: [{left, width, middle}], for letters of one width. */
export function placed(texts, { letter = 7.9, padding = 10, gap = 3, least = 28 } = {}) {
  let left = 0;
  return texts.map((text) => {
    const width = Math.max(least, [...text].length * letter + padding);
    const place = { left, width, middle: left + width / 2 };
    left += width + gap;
    return place;
  });
}

/** An arc from one token to another, as an SVG path that stands on the line y = `base`. */
export function arc(from, to, base, most) {
  const height = Math.min(most, 14 + Math.abs(from - to) / 3);
  return `M ${from} ${base} C ${from} ${base - height * 1.33}, ${to} ${base - height * 1.33}, ${to} ${base}`;
}

/** Switch a head on or off in a list of [layer, head] pairs. */
export function switched(off, layer, head) {
  const rest = off.filter(([l, h]) => l !== layer || h !== head);
  return rest.length < off.length ? rest : [...off, [layer, head]];
}
