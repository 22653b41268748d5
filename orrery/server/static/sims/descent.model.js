// Gradient descent's numbers, without a picture.

export const BANDS = 14;

/** The height of a map at a place between its points, in bands from 0 (low) to 1 (high). */
export function band(data, size, x, y, low, high) {
  const [column, row] = [Math.min(size - 2, Math.floor(x)), Math.min(size - 2, Math.floor(y))];
  const [dx, dy] = [x - column, y - row];
  const at = (r, c) => data[r * size + c];
  const upper = at(row, column) * (1 - dx) + at(row, column + 1) * dx;
  const lower = at(row + 1, column) * (1 - dx) + at(row + 1, column + 1) * dx;
  const value = upper * (1 - dy) + lower * dy;
  const share = Math.sqrt(Math.min(1, Math.max(0, (value - low) / (high - low)))); // a valley's floor has bands too
  return Number.isNaN(share) ? 1 : Math.floor(share * BANDS) / BANDS;
}

/** Where one step leads: every number less the rate times its slope. */
export const next = (place, gradient, rate) => place.map((number, i) => number - rate * gradient[i]);

/** The first `count` places of a way, with what belongs to each: [{place, loss, gradient}]. */
export function way(answer, count) {
  const [, size] = answer.places.shape;
  const part = (matrix, i) => Array.from(matrix.data.subarray(i * size, (i + 1) * size));
  const length = Math.min(count + 1, answer.losses.data.length);
  return Array.from({ length }, (_, i) => ({ place: part(answer.places, i), loss: answer.losses.data[i], gradient: part(answer.gradients, i) }));
}
