// A function of two numbers as a map in bands, like heights on paper, with what lies on it drawn above in SVG.
import { html, useEffect, useRef } from "../kit/html.js";
import { Plot } from "./plot.js";
import { range } from "./plot.model.js";
import { band } from "./descent.model.js";

/** `axis`: of both sides; `values`: {shape: [N, N], data}, rows along y. `children` and `onPoint` as in Plot. */
export function Map({ label, axis, values, xLabel, yLabel, onPoint, children }) {
  const ends = [axis[0], axis[axis.length - 1]];
  return html`
    <${Plot} label=${label} x=${ends} y=${ends} xLabel=${xLabel} yLabel=${yLabel} height=${400} onPoint=${onPoint}>
      ${({ sx, sy }) => html`
        <foreignObject x=${sx(ends[0])} y=${sy(ends[1])} width=${sx(ends[1]) - sx(ends[0])} height=${sy(ends[0]) - sy(ends[1])}>
          <${Bands} values=${values} /></foreignObject>
        ${children({ sx, sy })}`}
    <//>`;
}

const SIZE = 280; // pixels of the canvas; between the points of the grid it is interpolated

function Bands({ values }) {
  const canvas = useRef(null);
  useEffect(() => {
    const paint = () => draw(canvas.current, values);
    paint();
    const theme = new MutationObserver(paint);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => theme.disconnect();
  }, [values]);
  return html`<canvas ref=${canvas} width=${SIZE} height=${SIZE} aria-hidden="true" class="bands"></canvas>`;
}

function draw(canvas, { shape: [size], data }) {
  const style = getComputedStyle(canvas);
  const [ink, paper] = ["--series-1", "--surface"].map((name) => channels(style.getPropertyValue(name).trim()));
  const [low, high] = range(data, 0.96);
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIZE, SIZE);
  for (let py = 0; py < SIZE; py += 1) {
    for (let px = 0; px < SIZE; px += 1) {
      const share = band(data, size, (px / (SIZE - 1)) * (size - 1), ((SIZE - 1 - py) / (SIZE - 1)) * (size - 1), low, high);
      const at = 4 * (py * SIZE + px);
      for (let c = 0; c < 3; c += 1) image.data[at + c] = paper[c] + (ink[c] - paper[c]) * 0.75 * share;
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
