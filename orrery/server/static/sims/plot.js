// A picture with two axes, in SVG, in which points can be dragged; its size is that of its box, so text stays readable.
import { html, useEffect, useId, useRef, useState } from "../kit/html.js";
import { useStyle } from "../kit/style.js";
import { scale, ticks } from "./plot.model.js";

const EDGE = { left: 46, right: 12, top: 12, bottom: 38 };

/** The width of an element as it is laid out: `const [width, ref] = useWidth(640)`. */
export function useWidth(fallback) {
  const ref = useRef(null);
  const [width, setWidth] = useState(fallback);
  useEffect(() => {
    if (!ref.current) return undefined;
    const size = new ResizeObserver(([entry]) => setWidth(Math.max(120, Math.round(entry.contentRect.width))));
    size.observe(ref.current);
    return () => size.disconnect();
  }, [ref.current]);
  return [width, ref];
}

const plain = (tick) => String(tick).replace("-", "−");

/**
 * `x`, `y`: the ends of the axes; `xTick`, `yTick`: what is written at a tick. `children`: a function of {sx, sy, width, height} -> SVG, drawn within the axes.
 * `onPoint(x, y)`: where the mouse is pressed or drawn.
 */
export function Plot({ label, x, y, xLabel, yLabel, height = 300, onPoint, xTick = plain, yTick = plain, children }) {
  const ready = useStyle("sims/plot.css");
  const [width, ref] = useWidth(600);
  const clip = useId();
  const [sx, sy] = [scale(x, [EDGE.left, width - EDGE.right]), scale(y, [height - EDGE.bottom, EDGE.top])];
  const pointed = (event) => {
    if (!onPoint || (event.type === "pointermove" && event.buttons !== 1)) return;
    if (event.type === "pointerdown") event.currentTarget.setPointerCapture(event.pointerId);
    const box = event.currentTarget.getBoundingClientRect();
    const inside = (value, [low, high]) => Math.min(high, Math.max(low, value));
    onPoint(inside(sx.invert(event.clientX - box.left), x), inside(sy.invert(event.clientY - box.top), y));
  };
  const [across, up] = [ticks(...x, width < 420 ? 4 : 8), ticks(...y, 5)];
  return html`
    <div class="plot" ref=${ref}>
      ${ready && html`<svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="group" aria-label=${label} class=${onPoint ? "can-drag" : ""}
        onPointerDown=${pointed} onPointerMove=${pointed}>
        <clipPath id=${clip}><rect x=${EDGE.left} y=${EDGE.top} width=${Math.max(0, width - EDGE.left - EDGE.right)} height=${height - EDGE.top - EDGE.bottom} /></clipPath>
        <g class="axes" aria-hidden="true">
          ${across.map((tick) => html`<line key=${`x${tick}`} class=${tick === 0 ? "zero" : ""} x1=${sx(tick)} x2=${sx(tick)} y1=${EDGE.top} y2=${height - EDGE.bottom} />
            <text x=${sx(tick)} y=${height - EDGE.bottom + 15} text-anchor="middle">${xTick(tick)}</text>`)}
          ${up.map((tick) => html`<line key=${`y${tick}`} class=${tick === 0 ? "zero" : ""} x1=${EDGE.left} x2=${width - EDGE.right} y1=${sy(tick)} y2=${sy(tick)} />
            <text x=${EDGE.left - 6} y=${sy(tick) + 4} text-anchor="end">${yTick(tick)}</text>`)}
          <text class="axis-name" x=${(EDGE.left + width - EDGE.right) / 2} y=${height - 5} text-anchor="middle">${xLabel}</text>
        </g>
        <g clip-path=${`url(#${clip})`}>${children({ sx, sy, width, height })}</g>
        ${yLabel && html`<text class="axis-name over" aria-hidden="true" x=${EDGE.left + 5} y=${EDGE.top + 13}>${yLabel}</text>`}
      </svg>`}
    </div>`;
}

/** A point that keys move: `onMove(dx, dy)` in steps of 1 (with Shift 10). Dragging is the plot's `onPoint`. */
export function Handle({ cx, cy, label, value, text, onMove, r = 8 }) {
  const keys = (event) => {
    const size = event.shiftKey ? 10 : 1;
    const [dx, dy] = { ArrowRight: [size, 0], ArrowLeft: [-size, 0], ArrowUp: [0, size], ArrowDown: [0, -size] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    onMove(dx, dy);
  };
  return html`<circle class="handle" cx=${cx} cy=${cy} r=${r} tabindex="0" role="slider" aria-label=${label} aria-valuenow=${value} aria-valuetext=${text} onKeyDown=${keys} />`;
}
