// Simulation 12: the loss of a real training, as it happens. Start one, pause it, change its learning rate, look at earlier ones.
import { post } from "../kit/api.js";
import { Button, Select, Trouble, Waiting } from "../kit/controls.js";
import { html, useState } from "../kit/html.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { LiveStage } from "../lab/live.js";
import { ChartSettings, SETTINGS } from "../lab/metric_chart.js";
import { useRun, useRuns } from "../lab/runs.js";
import { Progress, Steering } from "../lab/steering.js";

// Small enough to see something at once, long enough to change something on the way.
const SMALL = {
  run: "small", vocab_size: 400, world_megabytes: 0.5, shape: { width: 64, layers: 2, heads: 2, kv_heads: 2, mlp_width: 192, context: 128 },
  train: { steps: 600, rows: 8, evaluate_every: 50, sample_every: 100 },
};

const named = (runs) => runs.map((run) => [run.name, run.name]);

export default function LiveLoss() {
  const [state, setState] = useUrlState("live", { run: "", beside: "" });
  const [settings, setSettings] = useUrlState("chart", SETTINGS);
  const [started, setStarted] = useState({});
  const ready = useStyle("lab/lab.css");
  const runs = useRuns()?.filter((run) => run.stages.length || run.state === "running");
  const run = runs?.find((one) => one.name === state.run) ?? runs?.[0];
  const store = useRun(run?.name);
  const beside = useRun(state.beside && state.beside !== run?.name ? state.beside : undefined);
  if (!ready || !runs) return html`<${Waiting} what="Reading the runs" />`;
  const stage = (run?.stages.find((one) => one.state === "running") ?? run?.stages.at(0))?.name;
  const start = async () => {
    setStarted({ busy: true });
    try {
      const taken = new Set(runs.map((one) => one.name));
      const free = (number) => (number === 1 ? SMALL.run : `${SMALL.run}-${number}`);
      let number = 1;
      while (taken.has(free(number))) number += 1;
      const job = await post("/api/jobs", { command: "pretrain", values: { ...SMALL, run: free(number) } });
      setState({ run: job.run });
      setStarted({ name: job.run });
    } catch (error) {
      setStarted({ error: error.message });
    }
  };
  const waiting = started.name && !runs.some((one) => one.name === started.name);
  return html`
    <div class="stack">
      <div class="row">
        <${Button} kind="primary" disabled=${started.busy || waiting} onClick=${start}>Train a small model<//>
        ${runs.length > 0 && html`<${Select} label="Run" value=${run?.name} options=${named(runs)} onInput=${(name) => setState({ run: name })} />`}
        ${runs.length > 1 && html`
          <${Select} label="Beside it" value=${state.beside} options=${[["", "none"], ...named(runs.filter((one) => one !== run))]} onInput=${(name) => setState({ beside: name })} />`}
        ${waiting && html`<span class="muted small" role="status">It is starting: text is written and cut into tokens first.</span>`}
      </div>
      ${started.error && html`<${Trouble}>${started.error}<//>`}
      ${run ? html`
        <div class="panel stack run-panel"><${Progress} run=${run} /><${Steering} key=${run.name} run=${run} /></div>
        ${stage && html`<${ChartSettings} settings=${settings} setSettings=${setSettings} />
          <${LiveStage} key=${`${run.name}/${stage}`} store=${store} stage=${stage} settings=${settings}
            others=${beside?.stages[stage] ? [{ name: beside.name, table: beside.stages[stage] }] : []} />`}
        <p class="small"><a href=${href(`runs/${run.name}`)}>All numbers of this run</a></p>` : html`<p class="empty">Nothing was trained yet.</p>`}
    </div>`;
}
