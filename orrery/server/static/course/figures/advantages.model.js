// Rewards of groups as advantages: each completion against its siblings.

const TINY = 1e-4; // added to standard deviations, as in orrery/stages/advantages.py
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** Standard deviation of a sample (over n - 1). */
export function deviation(values) {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** Rewards [P][G] -> advantages [P][G]; `by`: "group", "batch" or "none", what centred rewards are divided by. */
export function advantages(rewards, by) {
  const all = deviation(rewards.flat());
  return rewards.map((group) => {
    const middle = mean(group);
    const size = by === "group" ? deviation(group) + TINY : by === "batch" ? all + TINY : 1;
    return group.map((reward) => (reward - middle) / size);
  });
}

/** Whether all completions of a group got the same, so that it teaches nothing. */
export const dropped = (group) => deviation(group) <= 1e-6;
