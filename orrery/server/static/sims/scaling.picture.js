// The pictures of a scaling law: points, line and band on logarithmic axes, and what the line leaves over.
import { number, short, significant } from "../kit/format.js";
import { html } from "../kit/html.js";
import { extent, lawAt, logAxis, logTicks } from "./scaling.model.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [680, 320, 56, 16, 14, 44];
const NAMES = { parameters: "parameters", tokens: "tokens read" };

/** `law`: as the computation answers, or null; `next`: the size that is asked about; `over`: take E off, so that the law is straight. */
export function LawPicture({ points, axis, law, next, over }) {
  const taken = over ? law.floor : 0;
  const xs = points.map((point) => point[axis]);
  const [low, high] = extent(points, axis, law && next);
  const values = [...points.map((point) => point.bits - taken), ...(law ? [law.next_y - taken] : [])].filter((value) => value > 0);
  const [bottom, top] = [Math.min(...values) / 1.25, Math.max(...values) * 1.15];
  const x = logAxis(low, high, LEFT, WIDTH - RIGHT);
  const y = logAxis(bottom, top, HEIGHT - BOTTOM, TOP);
  const inside = (value) => Math.min(HEIGHT - BOTTOM, Math.max(TOP, y(Math.max(value - taken, bottom / 2))));
  const curve = law && [...law.curve_x.data];
  const path = (values_) => curve.map((at, index) => `${index ? "L" : "M"}${x(at).toFixed(1)} ${inside(values_[index]).toFixed(1)}`).join("");
  const largest = Math.max(...xs);
  const split = curve && curve.filter((at) => at <= largest * 1.0001).length;
  const part = (from, to) => curve.slice(from, to).map((at, index) => `${index ? "L" : "M"}${x(at).toFixed(1)} ${inside(lawAt(law, at)).toFixed(1)}`).join("");
  const band = law?.low && `${path(law.high.data)}${[...curve].reverse().map((at,
  index) => `L${x(at).toFixed(1)} ${inside(law.low.data[curve.length - 1 - index]).toFixed(1)}`).join("")}Z`;
  return html`
    <svg class="law" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img"
      aria-label=${`Bits per byte against ${NAMES[axis]}, both on logarithmic axes: ${points.length} runs${law ? `, and a law that says ${number(law.next_y,
      3)} for ${short(next)}` : ""}. The table has the numbers.`}>
      ${logTicks(bottom, top).map((tick) => html`<g key=${tick}><line class="grid" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(tick)} y2=${y(tick)} /><text x=${LEFT - 8}
        y=${y(tick) + 4} text-anchor="end">${significant(tick, 2)}</text></g>`)}
      ${logTicks(low, high).map((tick) => html`<g key=${tick}><line class="grid" x1=${x(tick)} x2=${x(tick)} y1=${TOP} y2=${HEIGHT - BOTTOM} /><text x=${x(tick)}
        y=${HEIGHT - BOTTOM + 18} text-anchor="middle">${short(tick)}</text></g>`)}
      <text x=${(LEFT + WIDTH - RIGHT) / 2} y=${HEIGHT - 6} text-anchor="middle">${NAMES[axis]}</text>
      <text x=${LEFT} y=${TOP - 3} class="axis-name">bits per byte${over ? " above E" : ""}</text>
      ${law && html`<rect class="beyond" x=${x(largest)} y=${TOP} width=${WIDTH - RIGHT - x(largest)} height=${HEIGHT - BOTTOM - TOP} />`}
      ${band && html`<path class="band" d=${band} />`}
      ${law && html`<path class="line" d=${part(0, split)} /><path class="line guess" d=${part(Math.max(0, split - 1), curve.length)} />`}
      ${points.map((point) => html`<circle key=${point.run} class="point" cx=${x(point[axis])} cy=${inside(point.bits)} r="5" data-run=${point.run}>
        <title>${point.run}: ${number(point.bits, 3)}</title></circle>`)}
      ${law && html`<circle class="point next" cx=${x(next)} cy=${inside(law.next_y)} r="5"><title>predicted: ${number(law.next_y, 3)}</title></circle>`}
    </svg>`;
}

/** What the law leaves over, a stem for each run, in percent of the loss. */
export function Residuals({ points, axis, residuals, next }) {
  const height = 92;
  const most = Math.max(0.002, ...residuals.map(Math.abs)) * 1.25;
  const xs = points.map((point) => point[axis]);
  const x = logAxis(...extent(points, axis, next), LEFT, WIDTH - RIGHT);
  const y = (value) => height / 2 - (value / most) * (height / 2 - 8);
  const label = `Measured over fitted, less one: ${residuals.map((value) => `${number(100 * Math.expm1(value), 2)}%`).join(", ")}`;
  return html`
    <div class="left-over"><p class="small muted">What the law leaves over, in % of the loss</p>
      <svg class="law" viewBox=${`0 0 ${WIDTH} ${height}`} role="img" aria-label=${label}>
        <line class="axis" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(0)} y2=${y(0)} />
        ${[-1, 1].map((sign) => html`<text key=${sign} x=${LEFT - 8} y=${y((sign * most) / 1.25) + 4} text-anchor="end">${sign > 0 ? "+"
          : "−"}${significant((100 * most) / 1.25, 2)}</text>`)}
        ${residuals.map((value, index) => html`<g key=${index}><line class="stem" x1=${x(xs[index])} x2=${x(xs[index])} y1=${y(0)} y2=${y(value)} /><circle
          class="point" cx=${x(xs[index])} cy=${y(value)} r="4" /></g>`)}
      </svg></div>`;
}
