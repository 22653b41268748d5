// Scaling laws: which runs make one law, where they lie on logarithmic axes, and what a law says.

/** The sizes that the reader can train: width, layers; all with the same tokens. */
export const SIZES = [[16, 2], [32, 2], [48, 3], [64, 4], [96, 4], [128, 4], [192, 5]];
/** The lengths that the reader can train one size for: steps. */
export const LENGTHS = [75, 150, 300, 600, 1200, 2400];
const STEPS = 300;
const SHAPE = [48, 3];

/** The runs that the reader can start for an axis, the smallest first: {run, label, values}. */
export function ladder(axis) {
  const rungs = axis === "parameters" ? SIZES.map((shape) => [shape, STEPS]) : LENGTHS.map((steps) => [SHAPE, steps]);
  return rungs.map(([[width, layers], steps]) => ({
    run: `scaling-${width}x${layers}-${steps}`,
    label: axis === "parameters" ? `${width} wide, ${layers} layers` : `${steps.toLocaleString("en-US")} steps`,
    size: axis === "parameters" ? parameters(width, layers) : steps * 1024,
    values: {
      run: `scaling-${width}x${layers}-${steps}`, vocab_size: 512, world_megabytes: 2,
      shape: { width, layers, heads: width / 16, kv_heads: width / 16, head_width: 16, mlp_width: 3 * width, context: 128 },
      train: { rows: 8, steps, sample_every: 0, evaluate_every: 0 },
    },
  }));
}

/** Numbers in a model of the ladder: token vectors, and in each layer attention (4 w²), MLP (9 w²) and the norms. */
export const parameters = (width, layers) => 512 * width + layers * (13 * width * width + 2 * width + 32) + width;

/** Points that differ in one thing only: {name, points} for each group and value of the other axis, the largest first. */
export function slices(points, axis) {
  const other = axis === "parameters" ? "steps" : "parameters";
  const found = new Map();
  for (const point of points) {
    const key = `${point.group}/${point[other]}`;
    const name = `${point.about}; ${point[other].toLocaleString("en-US")} ${other}`;
    if (!found.has(key)) found.set(key, { key, name, points: [] });
    found.get(key).points.push(point);
  }
  const all = [...found.values()].map((slice) => ({ ...slice, points: slice.points.sort((a, b) => a[axis] - b[axis]) }));
  return all.sort((a, b) => b.points.length - a.points.length);
}

/** The loss that a law says: E + A x^-α. */
export const lawAt = ({ floor, scale, exponent }, x) => floor + scale * x ** -exponent;

/** A logarithmic axis from `low` to `high` over `length` pixels: a function from values to pixels. */
export const logAxis = (low, high, from, to) => (value) => from + ((to - from) * Math.log(value / low)) / Math.log(high / low);

const DIGITS = [[1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8], [1, 2, 5], [1]];

/** Values at which a logarithmic axis has marks: as many digits times powers of ten as make at most seven. */
export function logTicks(low, high) {
  const powers = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) powers.push(10 ** power);
  const ticks = (digits) => powers.flatMap((power) => digits.map((digit) => Number((digit * power).toPrecision(3)))).filter((tick) => tick >= low && tick <= high);
  return ticks(DIGITS.find((digits) => ticks(digits).length <= 7) ?? DIGITS[2]);
}

/** The ends of the axis of sizes: the runs, and `next` where there is a law to draw up to it. */
export function extent(points, axis, next) {
  const sizes = points.map((point) => point[axis]);
  return [Math.min(...sizes) / 1.3, Math.max(...sizes, next ?? 0) * 1.3];
}

/** How a prediction came out: the error as a share of what was measured, and whether it lay within the band. */
export function outcome(prediction, measured) {
  const error = prediction.y / measured - 1;
  return { error, within: prediction.low === null ? null : prediction.low <= measured && measured <= prediction.high };
}
