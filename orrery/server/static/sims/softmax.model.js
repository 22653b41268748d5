// Softmax, step by step, in the precision that models compute in (float32), so that it overflows where they would.

const f32 = Math.fround;

/**
 * Scores -> {scaled, shifted, powers, probabilities, naive, entropy}; naive: without taking off the largest, NaN where
 * e to the power of a score is more than float32 holds.
 */
export function softmax(logits, temperature = 1) {
  const scaled = logits.map((score) => f32(score / temperature));
  const largest = Math.max(...scaled);
  const shifted = scaled.map((score) => f32(score - largest));
  const powers = shifted.map((score) => f32(Math.exp(score)));
  const probabilities = shares(powers);
  const entropy = -probabilities.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
  return { scaled, shifted, powers, probabilities, naive: shares(scaled.map((score) => f32(Math.exp(score)))), entropy };
}

function shares(powers) {
  const sum = powers.reduce((a, b) => f32(a + b), 0);
  return powers.map((power) => f32(power / sum));
}
