// A matrix as a picture: a cell each, drawn on a canvas, with a cursor that mouse and arrow keys move.
import { html, useEffect, useRef, useState } from "./html.js";
import { significant } from "./format.js";

/**
 * `values`: {shape: [rows, columns], data}. `range`: [low, high]; with low below 0 the colours run from negative to positive.
 * `cell`: pixels of a side. `rowNames`, `columnNames`: texts. `chosen`: [row, column]; `onChoose(row, column)`,
 * by a click or the arrow keys; the pointer only reads.
 * Put it into a Figure with the same numbers as a table.
 */
export function Heat({ label, values, range, cell = 18, rowNames, columnNames, chosen, onChoose, skip }) {
  const canvas = useRef(null);
  const [own, setOwn] = useState([0, 0]); // where nobody else keeps it
  const [pointed, setPointed] = useState(null);
  const [rows, columns] = values.shape;
  const here = chosen ?? own;
  const spot = pointed ?? here;
  const [low, high] = range ?? extent(values.data);
  useEffect(() => {
    const paint = () => draw(canvas.current, values, low, high, cell, spot, skip);
    paint();
    const theme = new MutationObserver(paint);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => theme.disconnect();
  });
  const choose = (row, column) => {
    setPointed(null);
    setOwn([row, column]);
    onChoose?.(row, column);
  };
  const place = (event) => {
    const box = canvas.current.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return [Math.min(rows - 1, Math.max(0, Math.floor(y * rows))), Math.min(columns - 1, Math.max(0, Math.floor(x * columns)))];
  };
  const keys = (event) => {
    const [dr, dc] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
    if (!dr && !dc) return;
    event.preventDefault();
    choose(Math.min(rows - 1, Math.max(0, here[0] + dr)), Math.min(columns - 1, Math.max(0, here[1] + dc)));
  };
  const value = values.data[spot[0] * columns + spot[1]];
  const where = `${rowNames?.[spot[0]] ?? `row ${spot[0]}`}, ${columnNames?.[spot[1]] ?? `column ${spot[1]}`}: ${significant(value)}`;
  return html`
    <div class="heat">
      <canvas ref=${canvas} tabindex="0" role="application" aria-label=${`${label}. ${where}. Arrow keys move.`}
        onMouseMove=${(event) => setPointed(place(event))} onMouseLeave=${() => setPointed(null)}
        onClick=${(event) => choose(...place(event))} onKeyDown=${keys} style=${{ width: `${columns * cell}px`, aspectRatio: `${columns} / ${rows}` }}></canvas>
      <output class="heat-value small number" aria-live="polite">${where}</output>
    </div>`;
}

const extent = (data) => {
  let most = 1e-12;
  let least = 0;
  for (const value of data) {
    if (value > most) most = value;
    if (value < least) least = value;
  }
  return least < 0 ? [-Math.max(most, -least), Math.max(most, -least)] : [0, most];
};

function draw(canvas, values, low, high, cell, [row, column], skip) {
  const [rows, columns] = values.shape;
  const scale = Math.min(2, window.devicePixelRatio || 1) * cell;
  canvas.width = Math.round(columns * scale);
  canvas.height = Math.round(rows * scale);
  const style = getComputedStyle(canvas);
  const [plus, minus, line] = ["--positive", "--negative", "--ink"].map((name) => style.getPropertyValue(name));
  const context = canvas.getContext("2d");
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      if (skip?.(r, c)) continue;
      const value = values.data[r * columns + c];
      context.globalAlpha = Math.min(1, Math.abs(value) / (value < 0 ? -low || 1 : high));
      context.fillStyle = value < 0 ? minus : plus;
      context.fillRect(Math.floor(c * scale), Math.floor(r * scale), Math.ceil(scale), Math.ceil(scale));
    }
  }
  context.globalAlpha = 1;
  context.strokeStyle = line;
  context.lineWidth = Math.max(1, scale / 10);
  context.strokeRect(column * scale + 0.5, row * scale + 0.5, scale - 1, scale - 1);
}
