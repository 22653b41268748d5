// From scores to the probabilities that a token is drawn by, in the order and the precision (float32) of
// orrery/inference/sampling.py: temperature, softmax, top k, top p, min p.

const f32 = Math.fround;

/** Scores [V] -> probabilities [V], float32. */
export function softmax(logits, temperature = 1) {
  const powers = new Float32Array(logits.length);
  let largest = -Infinity;
  for (const logit of logits) largest = Math.max(largest, f32(logit / temperature));
  let sum = 0;
  for (let i = 0; i < powers.length; i += 1) {
    powers[i] = Math.exp(f32(f32(logits[i] / temperature) - largest));
    sum += powers[i];
  }
  return powers.map((power) => power / sum);
}

/**
 * What may be drawn: `{temperature, topK, topP, minP}` -> {probabilities, order, kept}. `probabilities` [V] add up to 1 again;
 * `order`: all ids, the likeliest first; `kept`: how many of them are left. A temperature of 0 leaves the likeliest alone.
 */
export function choose(logits, { temperature, topK = 0, topP = 1, minP = 0 }) {
  const order = Int32Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
  const left = temperature === 0 ? new Float32Array(logits.length) : softmax(logits, temperature);
  if (temperature === 0) left[order[0]] = 1;
  else cut(left, order, topK, topP, minP);
  const sum = left.reduce((a, b) => a + b, 0);
  return { probabilities: left.map((p) => p / sum), order, kept: left.reduce((count, p) => count + (p > 0 ? 1 : 0), 0) };
}

/** Set to 0 what the filters take out; tokens as likely as the last one that stays do stay. */
function cut(left, order, topK, topP, minP) {
  const drop = (least) => {
    for (let i = 0; i < left.length; i += 1) if (left[i] < least) left[i] = 0;
  };
  if (topK > 0 && topK < left.length) drop(left[order[topK - 1]]);
  if (topP < 1) {
    const mass = f32(left.reduce((a, b) => a + b, 0) * f32(topP));
    let before = 0;
    let least = left[order[0]];
    for (const id of order) {
      if (before >= mass) break; // those that are likelier have all that is wanted
      least = left[id];
      before = f32(before + left[id]);
    }
    drop(least);
  }
  if (minP > 0) drop(f32(left[order[0]] * f32(minP)));
}

/** How unsure a distribution is, in nats. */
export const entropy = (probabilities) => -probabilities.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);

/** The standard deviation of how often something of probability p happens in n draws (binomial). */
export const deviation = (n, p) => Math.sqrt(n * p * (1 - p));
