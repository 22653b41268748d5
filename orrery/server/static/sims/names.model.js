// What there is to show of a name that is being written.

/** The letters of a name that stand after `shown` draws: a start, then what was drawn. */
export function written(start, drawn, tokens, shown) {
  return start + drawn.slice(0, shown).map((token) => tokens[token]).join("");
}

/**
 * The chances of one draw, the likeliest first, `most` of them, and the one that was drawn in any case:
 * [{token, text, chance, drawn}].
 */
export function likely(chances, drawn, tokens, most) {
  const ordered = [...chances.keys()].sort((a, b) => chances[b] - chances[a] || a - b);
  const kept = ordered.slice(0, most);
  if (drawn !== undefined && !kept.includes(drawn)) kept[most - 1] = drawn;
  return kept.map((token) => ({ token, text: tokens[token], chance: chances[token], drawn: token === drawn }));
}

/** Of a matrix {shape, data} one row. */
export function row(matrix, index) {
  const columns = matrix.shape[1];
  return Array.from(matrix.data.subarray(index * columns, (index + 1) * columns));
}
