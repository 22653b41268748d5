// Where things are in a picture of numbers. No drawing here.

/** About `count` round numbers between two ends: ticks(0, 10, 5) = [0, 2, 4, 6, 8, 10]. */
export function ticks(low, high, count = 6) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** From numbers to pixels, and back: scale([0, 1], [0, 100])(0.5) = 50. */
export function scale([low, high], [from, to]) {
  const of = (value) => from + ((value - low) / (high - low)) * (to - from);
  of.invert = (pixel) => low + ((pixel - from) / (to - from)) * (high - low);
  return of;
}

/** The ends of the numbers that are any, with a little room; `share`: how many of them must be inside (outliers go). */
export function range(values, share = 1) {
  const known = [...values].filter(Number.isFinite).sort((a, b) => a - b);
  if (known.length === 0) return [-1, 1];
  const cut = Math.floor(((1 - share) / 2) * known.length);
  const [low, high] = [known[cut], known[known.length - 1 - cut]];
  const room = 0.08 * (high - low) || 0.5;
  return [low - room, high + room];
}

/** A curve as the path of an SVG; it breaks where there is no number, and where it leaves the picture far behind. */
export function path(xs, ys, sx, sy, far = 4000) {
  let text = "";
  let drawing = false;
  xs.forEach((x, i) => {
    const y = sy(ys[i]);
    if (!Number.isFinite(y) || Math.abs(y) > far) drawing = false;
    else {
      text += `${drawing ? "L" : "M"}${sx(x).toFixed(2)} ${y.toFixed(2)}`;
      drawing = true;
    }
  });
  return text;
}
