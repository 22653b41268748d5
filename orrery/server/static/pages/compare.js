// Runs beside each other: each metric that they share, in one chart, each run in its own colour.
import { Segmented, Trouble, Waiting } from "../kit/controls.js";
import { html } from "../kit/html.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { ChartSettings, MetricChart, SETTINGS } from "../lab/metric_chart.js";
import { mainMetrics } from "../lab/metrics.model.js";
import { State, colourOf, useRun, useRuns } from "../lab/runs.js";

const MOST = 8;

export default function Compare({ params }) {
  const ready = useStyle("lab/lab.css");
  const all = useRuns();
  if (!ready) return null;
  const wanted = (params.get("runs") ?? "").split(",").filter(Boolean);
  const found = (all ?? []).filter((run) => wanted.includes(run.name));
  const chosen = found.slice(0, MOST);
  const toggled = (name) => (wanted.includes(name) ? wanted.filter((one) => one !== name) : [...wanted, name]).join(",");
  return html`
    <div class="wide">
      <div class="page-head"><div><h1>Compare runs</h1><p>Drag over a chart to look closer, double-click to see it all. The cursor is shared.</p></div>
        <a class="button" href=${href("runs")}>All runs</a></div>
      ${all === null ? html`<${Waiting} what="Reading the runs" />` : all.length === 0 ? html`
        <p class="empty">There is no run yet: <a href=${href("start")}>start one</a>, and then another to set beside it.</p>` : html`
        <ul class="chips" aria-label="Runs">${all.map((run) => html`
          <li key=${run.name}><a class="button" role="switch" aria-checked=${wanted.includes(run.name)} href=${href("compare", { runs: toggled(run.name) })}>
            <span class="swatch" style=${{ background: `var(--series-${colourOf(run.name)})` }}></span>${run.name} <${State} state=${run.state} /></a></li>`)}</ul>
        ${chosen.length ? html`<${Charts} key=${chosen.map((run) => run.name).join()} runs=${chosen} />` : html`<p class="empty">Choose two runs or more.</p>`}
        ${found.length > MOST && html`<p class="small muted">The ${MOST} newest of ${found.length} are shown: more could not be told apart.</p>`}`}
    </div>`;
}

function Charts({ runs }) {
  const [settings, setSettings] = useUrlState("chart", SETTINGS);
  const [state, setState] = useUrlState("compare", { stage: "" });
  const stores = runs.map((run) => useRun(run.name)); // the list is the same as long as this component lives
  const stages = [...new Set(stores.flatMap((store) => Object.keys(store.stages)))];
  const stage = stages.includes(state.stage) ? state.stage : stages[0];
  const having = stores.filter((store) => store.stages[stage]);
  const metrics = [...new Set(having.flatMap((store) => mainMetrics(store.stages[stage])))];
  const version = having.map((store) => store.version.value).join();
  const errors = stores.map((store) => store.error.value).filter(Boolean);
  return html`
    ${errors.map((error) => html`<${Trouble} key=${error}>${error}<//>`)}
    ${stage && html`
      <div class="row run-controls"><${Segmented} label="Stage" value=${stage} options=${stages.map((one) => [one, one])} onInput=${(value) => setState({ stage: value })} />
        <${ChartSettings} settings=${settings} setSettings=${setSettings} /></div>
      <div class="compare-charts">${metrics.map((metric) => html`
        <${MetricChart} key=${metric} metric=${metric} settings=${settings} version=${version} sync="compare" height=${220} name="runs"
          series=${having.filter((store) => metric in store.stages[stage].values).map((store) => ({ name: store.name, table: store.stages[stage], colour: colourOf(store.name) }))} />`)}</div>`}`;
}
