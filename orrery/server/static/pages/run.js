// One run: live while it trains, and what came of it afterwards.
import { get } from "../kit/api.js";
import { Button, Segmented, Trouble, Waiting } from "../kit/controls.js";
import { duration } from "../kit/format.js";
import { html, useEffect, useState } from "../kit/html.js";
import { href, useUrlState } from "../kit/route.js";
import { LiveStage, telling } from "../lab/live.js";
import { ChartSettings, MetricChart, SETTINGS } from "../lab/metric_chart.js";
import { emptyTable, mainMetrics } from "../lab/metrics.model.js";
import { ReportCard } from "../lab/report_card.js";
import { colourOf, useRun, useRuns } from "../lab/runs.js";
import { Progress, RunLine, Steering } from "../lab/steering.js";

const FIRST = 6; // charts that are shown at once

export default function Run({ name, params }) {
  const all = useRuns();
  const run = all?.find((one) => one.name === name);
  const job = useJob(name, params.get("job"), run);
  const failed = job?.error && run?.state !== "running" && (run?.state !== "finished" || params.get("job") === job.id); // an old error is no news of a finished run
  return html`
    <div class="wide">
      <div class="page-head"><div><h1>${name}</h1>${run && html`<${RunLine} run=${run} />`}</div>
        <div class="row"><a class="button" href=${href("runs")}>All runs</a><a class="button" href=${href("compare", { runs: name })}>Compare</a></div></div>
      ${failed && html`<${Trouble}>${job.error}<//>`}
      ${run ? html`<${Loaded} run=${run} />`
        : all && job === null ? html`<${Trouble}>There is no run ${name} here.<//>`
        : (!job || job.running) && html`<${Waiting} what=${job ? "The training is starting" : "Reading the run"} />`}
      ${job && html`<${Output} job=${job} />`}
    </div>`;
}

function Loaded({ run }) {
  const store = useRun(run.name);
  const [settings, setSettings] = useUrlState("chart", SETTINGS);
  const [state, setState] = useUrlState("run", { stage: "" });
  const [all, setAll] = useState(false);
  const stages = run.stages.map((stage) => stage.name);
  const newest = (run.stages.find((one) => one.state === "running") ?? run.stages.at(-1))?.name;
  const stage = stages.includes(state.stage) ? state.stage : newest;
  const table = store.stages[stage] ?? emptyTable();
  const more = mainMetrics(table).filter((metric) => metric !== telling(table) && metric !== "held_out_loss");
  const alarms = store.alarms.filter((alarm) => stage === undefined || alarm.stage === stage);
  return html`
    <div class="panel stack run-panel"><${Progress} run=${run} /><${Steering} run=${run} />
      <p class="muted small number">${duration(run.seconds)}${run.state === "running" ? " so far" : " in all"} · seed ${run.seed} ·
        event <span data-name="seq" data-value=${store.seq}>${store.seq}</span></p></div>
    ${(store.error.value || run.problem) && html`<${Trouble}>${store.error.value || run.problem}<//>`}
    ${stage && html`
      <div class="row run-controls">
        <${Segmented} label="Stage" value=${stage} options=${stages.map((one) => [one, one])} onInput=${(value) => setState({ stage: value })} />
        <${ChartSettings} settings=${settings} setSettings=${setSettings} />
      </div>
      ${alarms.length > 0 && html`<ul class="alarms" aria-label="Alarms">${alarms.slice(-8).map((alarm) => html`
        <li key=${alarm.seq}><strong>step ${alarm.step}</strong> ${alarm.values.message}</li>`)}</ul>`}
      <${LiveStage} key=${stage} store=${store} stage=${stage} settings=${settings} sync=${`run-${run.name}`} />
      ${store.detail && html`<${ReportCard} detail=${store.detail} name=${run.name} />`}
      <div class="row run-more"><h2>More numbers of ${stage}</h2>
        ${more.length > FIRST && html`<${Button} kind="quiet" pressed=${all} onClick=${() => setAll(!all)}>${all ? "Only the first" : `Show all ${more.length}`}<//>`}</div>
      <div class="small-charts">${(all ? more : more.slice(0, FIRST)).map((metric) => html`
        <${MetricChart} key=${metric} metric=${metric} series=${[{ name: metric, table, colour: colourOf(run.name) }]} settings=${settings}
          version=${store.version.value} height=${150} sync=${`run-${run.name}`} name=${`${run.name}-${stage}`} compact />`)}</div>`}`;
}

/** The newest job that writes, or wrote, this run, null where there is none; asked again while it starts and when the run changes its state. */
function useJob(name, wanted, run) {
  const [job, setJob] = useState(undefined);
  useEffect(() => {
    let here = true;
    const look = async () => {
      const jobs = await get("/api/jobs").catch(() => []);
      const found = jobs.find((one) => one.run === name);
      if (!here) return;
      setJob(found ?? null);
      if (found?.running) setTimeout(() => here && look(), 2000);
    };
    look();
    return () => {
      here = false;
    };
  }, [name, wanted, run?.state]);
  return job;
}

/** What the program printed. */
function Output({ job }) {
  const [lines, setLines] = useState(null);
  const read = (event) => event.currentTarget.open && get(`/api/jobs/${job.id}/log`).then(setLines, () => setLines([]));
  return html`
    <details class="panel output" onToggle=${read}><summary>What <code>orrery ${job.command}</code> printed</summary>
      ${lines && html`<pre tabindex="0">${lines.join("\n") || "Nothing yet."}</pre>`}</details>`;
}
