// Sizes on a logarithmic scale: a step to the right is a factor, not a difference.

/** Where a value stands between `low` and `high`, both above 0, from 0 to 1 by their logarithms. */
export const place = (value, low, high) => Math.log(value / low) / Math.log(high / low);

/** The powers of ten around all values: {low, high, ticks}, evenly spaced exponents in `ticks`, at most `most` of them. */
export function axis(values, most = 9) {
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const span = Math.max(1, Math.ceil(Math.log10(Math.max(...values)) - 1e-9) - low);
  const step = Math.ceil(span / (most - 1));
  const ticks = Array.from({ length: Math.ceil(span / step) + 1 }, (_, i) => low + i * step);
  return { low: 10 ** low, high: 10 ** ticks.at(-1), ticks };
}

/** FLOPs of a training: as its makers give them, else three forward passes for every token that was read; null where neither is known. */
export const training = (size) => size.training ?? (size.tokens ? 3 * size.flops * size.tokens : null);

/** How many times as much, or what part. */
export const times = (value, of) => value / of;
