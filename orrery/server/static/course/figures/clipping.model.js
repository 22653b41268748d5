// The clipped objective of PPO and GRPO, of one token.

/** {loss, slope}: at a ratio of new to old probability; the slope is by the token's log-probability. */
export function clipped(ratio, advantage, low, high) {
  const kept = Math.min(1 + high, Math.max(1 - low, ratio));
  const free = ratio * advantage <= kept * advantage; // the smaller of the two counts
  return { loss: -Math.min(ratio * advantage, kept * advantage), slope: free ? -ratio * advantage : 0 };
}
