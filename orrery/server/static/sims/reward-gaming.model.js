// Simulation 19, without its looks: what a run's numbers say of proxy and gold.

/**
 * The evaluations of a PPO run: {step, kl, proxy, gold}, from its table of metrics (orrery/server/studio/history.py).
 * `kl`: of the rollout before, a completion's, never below 0 (few stories estimate it).
 */
export function pointsOf(table) {
  const { "held_out/gold": golds, "held_out/score": proxies, "objective/kl": kls } = table.values;
  if (!golds) return [];
  const points = [];
  let kl = 0;
  table.step.forEach((step, row) => {
    kl = kls?.[row] ?? kl;
    if (typeof golds[row] === "number") points.push({ step, kl: Math.max(0, kl), proxy: proxies[row], gold: golds[row] });
  });
  return points;
}

/** The KL coefficient that a run was started with; null where it does not say. */
export const leashOf = (table) => table.values.kl_coefficient?.find((value) => value !== null) ?? null;

/** How far gold has fallen from its best, and how far proxy has risen since then. */
export function gap(points) {
  if (!points.length) return null;
  const best = points.reduce((a, b) => (b.gold > a.gold ? b : a));
  const last = points.at(-1);
  return { best, last, fall: best.gold - last.gold, rise: last.proxy - best.proxy };
}

/** Means of each value and its neighbours, as the ledger draws them. */
export const smooth = (values) => values.map((_, i) => {
  const near = values.slice(Math.max(0, i - 1), i + 2);
  return near.reduce((a, b) => a + b, 0) / near.length;
});

/** Round numbers from `low` to `high`, about `count` of them. */
export function ticks(low, high, count = 5) {
  const rough = Math.max(1e-9, (high - low) / count);
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((one) => one >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + 1e-9; at += step) found.push(Number(at.toPrecision(6)));
  return found;
}

/** The samples nearest to a step, of those at or before it, else of the first. */
export function samplesAt(samples, step) {
  const steps = [...new Set(samples.map((one) => one.step))].sort((a, b) => a - b);
  const at = steps.filter((one) => one <= step).at(-1) ?? steps[0];
  return samples.filter((one) => one.step === at);
}
