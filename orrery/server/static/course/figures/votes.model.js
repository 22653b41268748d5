// What a vote among sampled answers is worth, exactly.

const choose = (n, k) => {
  let found = 1;
  for (let i = 1; i <= k; i += 1) found = (found * (n - k + i)) / i;
  return found;
};
const factorial = (n) => (n < 2 ? 1 : n * factorial(n - 1));

/** Sum of 1 / (a! b! …) over all ways to put items into cells with fewer than `limit` in each. */
function below(items, cells, limit) {
  let sums = [1, ...Array(items).fill(0)];
  for (let cell = 0; cell < cells; cell += 1) {
    sums = sums.map((_, n) => {
      let sum = 0;
      for (let j = 0; j <= Math.min(n, limit - 1); j += 1) sum += sums[n - j] / factorial(j);
      return sum;
    });
  }
  return sums[items];
}

/**
 * The chance that the commonest of `size` answers is the right one, where each is right with chance `right` and else one
 * of `wrong` others, all alike; equally common ones share it.
 */
export function vote(right, wrong, size) {
  let found = 0;
  for (let count = 1; count <= size; count += 1) {
    const share = choose(size, count) * right ** count * (1 - right) ** (size - count);
    const rest = size - count;
    for (let tied = 0; tied <= Math.min(wrong, Math.floor(rest / count)); tied += 1) {
      const ways = (choose(wrong, tied) * below(rest - tied * count, wrong - tied, count)) / factorial(count) ** tied;
      found += (share * ways * factorial(rest)) / wrong ** rest / (tied + 1);
    }
  }
  return found;
}

/** Answers counted, the commonest first, of equals the one that came first: [{answer, count}]; null is no answer. */
export function count(answers) {
  const counts = new Map();
  for (const answer of answers) if (answer !== null) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return [...counts].map(([answer, many]) => ({ answer, count: many })).sort((a, b) => b.count - a.count);
}
