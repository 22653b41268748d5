// Lines over an axis, drawn by uPlot, in the colours of the theme. Drag to zoom in, double-click to see all again.
import { html, useEffect, useRef, useState } from "./html.js";
import { axisNumber, significant } from "./format.js";
import { useStyle } from "./style.js";

/**
 * `x`: values of the axis; `lines`: [{label, values, colour: 1–8, faint, dashed, low, high}], null where there is none;
 * between `low` and `high` the line has a band. `xLabel`, `yLabel`, `logX`, `logY`, `height`.
 * `onCursor(index or null)`. `sync`: charts of the same key share the cursor. `legend`: uPlot's own, below.
 * `marks`: [{x, y, chosen}] are dots. `plotRef`: a ref that gets uPlot's object, for `downloadPicture`.
 */
export function Chart({ label, x, lines, xLabel, yLabel, logX = false, logY = false, height = 260, sync, onCursor, legend = true, marks, plotRef }) {
  const box = useRef(null);
  const plot = useRef(null);
  const now = useRef({});
  now.current = { x, lines, marks, onCursor };
  const Plot = useLibrary(box);
  const ready = useStyle("vendor/uplot.css") && Plot !== null;
  const shape = JSON.stringify([logX, logY, height, xLabel, yLabel, sync, legend, lines.map((line) => [line.label, line.colour, line.faint, line.dashed])]);
  useEffect(() => {
    if (!ready) return undefined;
    const build = () => {
      plot.current?.destroy();
      const options = settings({ logX, logY, height, xLabel, yLabel, sync, legend, width: box.current.clientWidth, lines, now });
      plot.current = new Plot(options, columns(now.current), box.current);
      if (plotRef) plotRef.current = plot.current;
    };
    build();
    const size = new ResizeObserver(() => plot.current.setSize({ width: box.current.clientWidth, height }));
    size.observe(box.current);
    const theme = new MutationObserver(build);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      size.disconnect();
      theme.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [shape, ready]);
  useEffect(() => {
    const chart = plot.current;
    if (!chart) return;
    const zoomed = chart.zoomed === true;
    chart.setData(columns(now.current), !zoomed);
    if (zoomed) chart.redraw();
  }, [x, lines, marks]);
  return html`<div class="chart" role="img" aria-label=${label} ref=${box} style=${{ minHeight: `${height}px`, overflow: "hidden" }}></div>`;
}

/** uPlot, loaded when the first chart comes near; null before. */
function useLibrary(box) {
  const [library, setLibrary] = useState(null);
  useEffect(() => {
    let here = true;
    const arrive = ([entry]) => {
      if (!entry.isIntersecting) return;
      near.disconnect();
      import("uplot").then((module) => here && setLibrary(() => module.default), () => {}); // the table is there without it
    };
    const near = new IntersectionObserver(arrive, { rootMargin: "600px" });
    near.observe(box.current);
    return () => {
      here = false;
      near.disconnect();
    };
  }, []);
  return library;
}

const columns = ({ x, lines }) => [x, ...lines.map((line) => line.values)];

function settings({ logX, logY, height, width, xLabel, yLabel, sync, legend, lines, now }) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const font = `12px ${colour("--sans")}`;
  const axis = (text) => ({
    label: text, stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font, labelFont: font, labelSize: 20,
    values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : axisNumber(tick))),
  });
  const of = (line) => colour(`--series-${line.colour ?? 1}`);
  return {
    width, height,
    scales: { x: { time: false, distr: logX ? 3 : 1 }, y: { distr: logY ? 3 : 1 } },
    axes: [{ ...axis(xLabel), size: 34 }, { ...axis(yLabel), size: 52 }],
    cursor: { sync: sync ? { key: sync, setSeries: false } : undefined, points: { size: 6 }, drag: { x: true, y: false } },
    legend: { show: legend, live: true },
    series: [
      { label: xLabel, value: (_, v) => (v === null ? "–" : axisNumber(v)) },
      ...lines.map((line) => ({
        label: line.label, stroke: of(line), width: line.faint ? 1 : 2, alpha: line.faint ? 0.35 : 1, dash: line.dashed ? [6, 5] : undefined,
        points: { show: () => now.current.x.length < 3 }, spanGaps: true, value: (_, v) => (v === null ? "–" : significant(v, 4)),
      })),
    ],
    hooks: {
      setCursor: [(self) => now.current.onCursor?.(self.cursor.idx ?? null)],
      setSelect: [(self) => { self.zoomed = self.select.width > 0; }],
      ready: [(self) => self.over.addEventListener("dblclick", () => { self.zoomed = false; })],
      drawAxes: [(self) => now.current.lines.forEach((line) => line.low && drawBand(self, line, of(line)))],
      draw: [(self) => (now.current.marks ?? []).forEach((mark) => drawMark(self, mark, colour("--ink"), colour("--surface")))],
    },
  };
}

/** The area between the least and the greatest of the values that a point stands for. */
function drawBand(chart, line, stroke) {
  const { ctx } = chart;
  const path = new Path2D();
  const rows = chart.data[0].map((value, row) => [value, line.low[row], line.high[row]]).filter(([, low]) => low !== null && low !== undefined);
  const at = (value, y) => [chart.valToPos(value, "x", true), chart.valToPos(y, "y", true)];
  rows.forEach(([value, , high], index) => path[index ? "lineTo" : "moveTo"](...at(value, high)));
  rows.reverse().forEach(([value, low]) => path.lineTo(...at(value, low)));
  ctx.save();
  ctx.beginPath();
  ctx.rect(chart.bbox.left, chart.bbox.top, chart.bbox.width, chart.bbox.height);
  ctx.clip();
  ctx.globalAlpha = 0.18;
  ctx.fillStyle = stroke;
  ctx.fill(path);
  ctx.restore();
}

function drawMark(chart, mark, ink, paper) {
  const [x, y] = [chart.valToPos(mark.x, "x", true), chart.valToPos(mark.y, "y", true)];
  if (!(x >= chart.bbox.left && x <= chart.bbox.left + chart.bbox.width)) return;
  const { ctx } = chart;
  const scale = window.devicePixelRatio || 1;
  ctx.save();
  ctx.beginPath();
  ctx.arc(x, y, (mark.chosen ? 6 : 4) * scale, 0, 2 * Math.PI);
  ctx.fillStyle = mark.chosen ? ink : paper;
  ctx.fill();
  ctx.setLineDash([]);
  ctx.lineWidth = 1.5 * scale;
  ctx.strokeStyle = ink;
  ctx.stroke();
  ctx.restore();
}

/** Save what a chart shows as a PNG, on the page's own ground. */
export function downloadPicture(chart, name) {
  const from = chart.ctx.canvas;
  const canvas = Object.assign(document.createElement("canvas"), { width: from.width, height: from.height });
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--surface").trim();
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(from, 0, 0);
  canvas.toBlob((blob) => download(blob, `${name}.png`));
}

/** Save a blob as a file. */
export function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
