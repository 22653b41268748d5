// Points that can be chosen, over two axes; joined in the order of time, which is not always that of the axis.
import { significant } from "../kit/format.js";
import { html, names, useEffect, useRef, useState } from "../kit/html.js";
import { ticks } from "./reward-gaming.model.js";

const HEIGHT = 300;
const SIDES = { left: 44, right: 14, top: 24, bottom: 40 };

/**
 * `series`: [{label, colour: 1–8, dashed, points: [{x, y, key, title}]}]; points with a key can be chosen.
 * `chosen`: the key of one; `onChoose(key)`.
 */
export function Plot({ label, series, xLabel, yLabel, chosen, onChoose }) {
  const [box, width] = useWidth();
  const all = series.flatMap((one) => one.points);
  const keyed = [...new Map(series.flatMap((one) => one.points.filter((point) => point.key)).map((point) => [point.key, point])).keys()];
  const range = (values) => (values.length ? [Math.min(...values), Math.max(...values)] : [0, 1]);
  const [x0, x1] = [0, Math.max(1, range(all.map((point) => point.x))[1])];
  const [low, high] = range(all.map((point) => point.y));
  const pad = Math.max(0.1, (high - low) * 0.08);
  const [y0, y1] = [low - pad, high + pad];
  const sx = (x) => SIDES.left + ((x - x0) / (x1 - x0)) * (width - SIDES.left - SIDES.right);
  const sy = (y) => HEIGHT - SIDES.bottom - ((y - y0) / (y1 - y0)) * (HEIGHT - SIDES.top - SIDES.bottom);
  const focusable = keyed.includes(chosen) ? chosen : keyed[0];
  const move = (event, key) => {
    const place = keyed.indexOf(key) + ({ ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? 0);
    if (event.key === "Enter" || event.key === " ") onChoose(key);
    else if (place === keyed.indexOf(key) || !keyed[place]) return;
    else {
      onChoose(keyed[place]);
      box.current.querySelector(`[data-key="${CSS.escape(keyed[place])}"]`)?.focus();
    }
    event.preventDefault();
  };
  return html`
    <div class="plot" ref=${box}>
      <svg width=${width} height=${HEIGHT} role="group" aria-label=${label}>
        ${ticks(y0, y1).map((tick) => html`<g key=${`y${tick}`} aria-hidden="true"><line class="grid" x1=${SIDES.left} x2=${width - SIDES.right} y1=${sy(tick)} y2=${sy(tick)} />
          <text class="tick" x=${SIDES.left - 8} y=${sy(tick) + 4} text-anchor="end">${significant(tick, 2)}</text></g>`)}
        ${ticks(x0, x1, width < 500 ? 4 : 8).map((tick) => html`<text key=${`x${tick}`} class="tick" aria-hidden="true" x=${sx(tick)}
          y=${HEIGHT - SIDES.bottom + 18} text-anchor="middle">${significant(tick, 2)}</text>`)}
        <text class="axis" aria-hidden="true" x=${width - SIDES.right} y=${HEIGHT - 4} text-anchor="end">${xLabel}</text>
        <text class="axis" aria-hidden="true" x=${4} y=${SIDES.top}>${yLabel}</text>
        ${series.map((one) => html`
          <g key=${one.label} style=${{ "--of": `var(--series-${one.colour})` }}>
            <polyline class=${names("curve", one.dashed && "dashed")} points=${one.points.map((point) => `${sx(point.x)},${sy(point.y)}`).join(" ")} />
            ${one.points.map((point) => html`<${Dot} key=${`${one.label}${point.x}${point.key}`} point=${point} cx=${sx(point.x)} cy=${sy(point.y)} hollow=${one.dashed}
              chosen=${point.key && point.key === chosen} tab=${point.key === focusable ? 0 : -1} onChoose=${onChoose} onKey=${move} active=${point.key && !one.dashed} />`)}
          </g>`)}
      </svg>
      <ul class="plot-legend" aria-label="Lines">
        ${series.map((one) => html`<li key=${one.label} style=${{ "--of": `var(--series-${one.colour})` }}><span class=${names("swatch", one.dashed && "dashed")}></span>${one.label}</li>`)}
      </ul>
      <p class="hidden-visually">Vertical axis: ${yLabel}</p>
    </div>`;
}

function Dot({ point, cx, cy, hollow, chosen, tab, onChoose, onKey, active }) {
  const mark = html`<circle class=${names("dot", hollow && "hollow", chosen && "chosen")} cx=${cx} cy=${cy} r=${chosen ? 6 : 3.5} />`;
  if (!active) return mark;
  return html`
    <g class="pick" role="button" tabindex=${tab} aria-label=${point.title} aria-pressed=${Boolean(chosen)} data-key=${point.key}
      onClick=${() => onChoose(point.key)} onKeyDown=${(event) => onKey(event, point.key)}>
      <title>${point.title}</title><circle class="reach" cx=${cx} cy=${cy} r="11" />${mark}
    </g>`;
}

/** A box, and how wide it is. */
function useWidth() {
  const box = useRef(null);
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const watching = new ResizeObserver(() => setWidth(Math.max(260, box.current.clientWidth)));
    watching.observe(box.current);
    return () => watching.disconnect();
  }, []);
  return [box, width];
}
