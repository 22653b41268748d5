// A plane with two arrows whose tips the reader drags, or moves with the arrow keys, and the shadow of one on the other.
import { number } from "../kit/format.js";
import { html, useRef } from "../kit/html.js";
import { foot } from "./dot.model.js";

/** The plane shows −SIZE to SIZE. */
export const SIZE = 4;
const TICKS = [-4, -2, 2, 4];
const STEP = 0.1;
const UNIT = 40; // of the picture's own pixels
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const snapped = (value) => Number((Math.round(Math.min(SIZE, Math.max(-SIZE, value)) / STEP) * STEP).toFixed(1));
const at = ([x, y]) => [x * UNIT, -y * UNIT];

/** `onA`, `onB`: called with the new tip, [x, y]. */
export function Plane({ a, b, onA, onB }) {
  const picture = useRef(null);
  const edge = (SIZE + 0.45) * UNIT;
  const end = foot(a, b);
  const shadowed = end.every(Number.isFinite);
  const lines = Array.from({ length: 2 * SIZE + 1 }, (_, i) => (i - SIZE) * UNIT);
  const point = (event) => {
    const box = picture.current.getBoundingClientRect();
    const scale = (2 * edge) / box.width;
    return [(event.clientX - box.left) * scale - edge, edge - (event.clientY - box.top) * scale].map((value) => snapped(value / UNIT));
  };
  return html`
    <svg class="dot-plane" ref=${picture} viewBox=${`${-edge} ${-edge} ${2 * edge} ${2 * edge}`} role="group" aria-label="Two arrows from the origin">
      ${lines.map((place) => html`<path key=${place} class=${place === 0 ? "axis" : "grid"} d=${`M${place},${-edge}V${edge}M${-edge},${place}H${edge}`} />`)}
      ${TICKS.map((tick) => html`
        <text key=${`x${tick}`} class="tick" x=${tick * UNIT} y="15" text-anchor="middle" aria-hidden="true">${number(tick, 0)}</text>
        <text key=${`y${tick}`} class="tick" x="-6" y=${4 - tick * UNIT} text-anchor="end" aria-hidden="true">${number(tick, 0)}</text>`)}
      ${shadowed && html`
        <path class="drop" d=${`M${at(b)}L${at(end)}`} />
        <path class="shadow" d=${`M0,0L${at(end)}`} />`}
      <${Arrow} name="a" tip=${a} point=${point} onMove=${onA} />
      <${Arrow} name="b" tip=${b} point=${point} onMove=${onB} />
    </svg>`;
}

function Arrow({ name, tip, point, onMove }) {
  const [x, y] = at(tip);
  const keys = (event) => {
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    const far = event.shiftKey ? 1 : STEP;
    onMove(tip.map((value, i) => snapped(value + far * move[i])));
  };
  const drag = (event) => {
    if (event.currentTarget.hasPointerCapture(event.pointerId)) onMove(point(event));
  };
  const take = (event) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    event.currentTarget.focus();
  };
  const length = Math.hypot(x, y) || 1;
  return html`
    <path class=${`arrow ${name}`} d=${`M0,0L${[x, y]}`} />
    <text class=${`name ${name}`} x=${x + (18 * x) / length} y=${y + (18 * y) / length}>${name}</text>
    <circle class=${`tip ${name}`} cx=${x} cy=${y} r="9" tabindex="0" role="slider" aria-label=${`Tip of ${name}`}
      aria-valuemin=${-SIZE} aria-valuemax=${SIZE} aria-valuenow=${tip[0]} aria-valuetext=${`${number(tip[0], 1)} across, ${number(tip[1], 1)} up`}
      onKeyDown=${keys} onPointerDown=${take} onPointerMove=${drag}><title>Drag, or use the arrow keys</title></circle>`;
}
