// One metric of one run or of several: faint as it was logged, bold as smoothed, with its numbers at the cursor.
import { Chart, download, downloadPicture } from "../kit/chart.js";
import { Button, Segmented, Slider, Toggle } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { axisNumber, significant } from "../kit/format.js";
import { html, names, useMemo, useRef, useState } from "../kit/html.js";
import { AXES, axisValues, csv, joined, smooth, valueAt } from "./metrics.model.js";

/** How charts are drawn; the page keeps it in its address. */
export const SETTINGS = { smoothing: 0.9, axis: "step", logX: false, logY: false };

const FEW = 30; // values of which no mean is taken
const MOST = 0.999; // smoothing
const SET = "learning_rate"; // is set and not measured: there is no noise to take out of it

/** What sets all charts of a page. */
export function ChartSettings({ settings, setSettings }) {
  return html`
    <div class="chart-settings">
      <${Slider} label="smoothing" value=${settings.smoothing} min=${0} max=${MOST} step=${0.001} digits=${3} onInput=${(smoothing) => setSettings({ smoothing })} />
      <${Segmented} label="Axis" value=${settings.axis} options=${AXES} onInput=${(axis) => setSettings({ axis })} />
      <${Toggle} label="log x" value=${settings.logX} onInput=${(logX) => setSettings({ logX })} />
      <${Toggle} label="log y" value=${settings.logY} onInput=${(logY) => setSettings({ logY })} />
    </div>`;
}

/**
 * `series`: [{name, table, colour, metric, dashed}]; `metric` names the figure, and the column of those that do not say another.
 * `level`: {label, value}, a dashed line across. `marks`: [{step, chosen}], dots on the first series. `version`: changes when tables do.
 * `compact`: one of many.
 */
export function MetricChart({ title, metric, series, settings, version, sync, height = 240, level, marks, caption, note, name = "chart", compact }) {
  const plot = useRef(null);
  const [cursor, setCursor] = useState(null);
  const what = JSON.stringify([metric, settings, series.map((one) => [one.name, one.metric]), level?.value]);
  const drawn = useMemo(() => draw(series, metric, settings, level), [version, what]);
  const dots = useMemo(() => placed(marks, series[0], drawn, settings), [drawn, JSON.stringify(marks)]);
  const [, axis] = AXES.find(([value]) => value === settings.axis) ?? AXES[0];
  const table = {
    columns: [axis, ...drawn.parts.flatMap((part) => [part.label, `${part.label}, smoothed`])],
    rows: drawn.x.map((x, row) => [x, ...drawn.parts.flatMap((part) => [part.raw[row], part.smooth[row]])]),
  };
  const save = () => download(new Blob([csv(table.columns, table.rows)], { type: "text/csv" }), `${name}-${metric.replaceAll("/", "-")}.csv`);
  const shown = { columns: table.columns, rows: table.rows.map((row) => row.map((value) => value ?? "–")) };
  return html`
    <${Figure} title=${title ?? metric} table=${shown} caption=${caption} note=${note}>
      <${Chart} label=${`${title ?? metric} by ${axis.toLowerCase()}`} x=${drawn.x} lines=${drawn.lines} xLabel=${compact ? undefined : axis} logX=${settings.logX} logY=${settings.logY}
        height=${height} sync=${sync} legend=${false} onCursor=${setCursor} marks=${dots} plotRef=${plot} />
      <div class="chart-foot">
        <${Readout} drawn=${drawn} cursor=${cursor} axis=${axis} />
        <span><${Button} kind="quiet" label=${`Save ${metric} as CSV`} onClick=${save}>CSV<//>
          <${Button} kind="quiet" label=${`Save ${metric} as PNG`} onClick=${() => downloadPicture(plot.current, `${name}-${metric.replaceAll("/", "-")}`)}>PNG<//></span>
      </div>
    <//>`;
}

/** The numbers at the cursor, or the newest: smoothed, and as it was logged. */
function Readout({ drawn, cursor, axis }) {
  const row = cursor ?? drawn.x.length - 1;
  return html`
    <ul class="readout number">
      <li class="muted">${axis} ${drawn.x.length ? axisNumber(drawn.x[row]) : "–"}</li>
      ${drawn.parts.map((part) => {
        const [raw, smoothed] = [valueAt(part.raw, row), valueAt(part.smooth, row)];
        return html`<li key=${part.label}><span class=${names("swatch", part.dashed && "dashed")} style=${{ "--of": `var(--series-${part.colour})` }}></span>${part.label}
          <strong data-name=${part.label} data-value=${smoothed}>${significant(smoothed, 4)}</strong>
          ${smoothed !== raw && html`<span class="muted" title="as it was logged" data-name=${`${part.label}, raw`} data-value=${raw}>${significant(raw, 4)}</span>`}</li>`;
      })}
    </ul>`;
}

function draw(series, metric, { smoothing, axis, logX, logY }, level) {
  const inputs = series.map(({ table, metric: own }) => {
    const column = table.values[own ?? metric] ?? [];
    const at = axisValues(table, axis);
    const rows = at.map((_, row) => row).filter((row) => column[row] !== null && column[row] !== undefined && !(logX && at[row] <= 0));
    const raw = rows.map((row) => column[row]);
    const positive = (values) => (logY ? values.map((value) => (value > 0 ? value : null)) : values);
    const bound = (side) => (table.every > 1 ? rows.map((row) => side[own ?? metric]?.[row] ?? column[row]) : []);
    const few = rows.length < Math.max(FEW, at.length / 2); // evaluations are few, and means already
    const weight = few || (own ?? metric) === SET ? 0 : Math.min(MOST, Math.max(0, smoothing));
    return { x: rows.map((row) => at[row]), columns: [raw, smooth(raw, weight), bound(table.low), bound(table.high)].map(positive) };
  });
  const { x, series: columns } = joined(inputs);
  const parts = series.map((one, index) => {
    const [raw, smoothed, low, high] = columns[index];
    return { label: one.name, colour: one.colour, dashed: one.dashed, raw, smooth: smoothed, low, high };
  });
  const lines = parts.flatMap((part) => [
    ...(smoothing > 0 ? [{ label: `${part.label}, raw`, values: part.raw, colour: part.colour, faint: true }] : []),
    { label: part.label, values: part.smooth, colour: part.colour, dashed: part.dashed, ...(part.low.some((value) => value !== null) ? { low: part.low, high: part.high } : {}) },
  ]);
  if (level) lines.push({ label: level.label, values: x.map(() => level.value), colour: 8, dashed: true });
  return { x, parts, lines };
}

/** Where the dots of steps lie on the first series. */
function placed(marks, first, drawn, settings) {
  if (!marks?.length || !drawn.parts.length) return [];
  const at = axisValues(first.table, settings.axis);
  return marks.flatMap(({ step, chosen }) => {
    const row = first.table.step.findIndex((value) => value >= step);
    if (row < 0) return [];
    const y = valueAt(drawn.parts[0].smooth, drawn.x.findIndex((value) => value >= at[row]));
    return y === null ? [] : [{ x: at[row], y, chosen }];
  });
}
