// The arena's numbers as places on a scale, without the page.

/** The scale that holds all intervals, with room beside them: {low, high}, in whole fifties. */
export function scale(standings) {
  const low = Math.min(...standings.map((one) => one.low), 950);
  const high = Math.max(...standings.map((one) => one.high), 1050);
  return { low: Math.floor((low - 10) / 50) * 50, high: Math.ceil((high + 10) / 50) * 50 };
}

/** Where a rating lies on a scale, from 0 to 100. */
export const at = (rating, { low, high }) => (100 * (rating - low)) / (high - low);

/** How likely one of two ratings wins: a difference of 400 is ten to one. */
export const chance = (one, other) => 1 / (1 + 10 ** ((other - one) / 400));
