// The runs: what has been trained here, what trains now, and one run on a page of its own.
import { get, post } from "../kit/api.js";
import { Button, Trouble, Waiting } from "../kit/controls.js";
import { ago, duration, significant } from "../kit/format.js";
import { html, names, useEffect, useState } from "../kit/html.js";
import { href } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { State, colourOf, useRuns } from "../lab/runs.js";
import { Sparkline } from "../lab/sparkline.js";
import { StageChips } from "../lab/steering.js";

export default function Runs({ parts, params }) {
  const ready = useStyle("lab/lab.css");
  const [One, setOne] = useState(null);
  useEffect(() => {
    if (parts[0]) import("./run.js").then((module) => setOne(() => module.default));
  }, [parts[0]]);
  if (!ready) return null;
  if (parts[0]) return One && html`<${One} key=${parts[0]} name=${parts[0]} params=${params} />`;
  return html`<${List} />`;
}

function List() {
  const runs = useRuns();
  const [chosen, setChosen] = useState([]);
  const choose = (name) => setChosen((old) => (old.includes(name) ? old.filter((one) => one !== name) : [...old, name]));
  return html`
    <div class="wide">
      <div class="page-head"><div><h1>Runs</h1><p>Everything that was trained here, with the numbers that it wrote down. Choose some to compare them.</p></div>
        <div class="row">
          ${chosen.length > 0 && html`<a class="button" href=${href("compare", { runs: chosen.join(",") })}>Compare ${chosen.length}</a>`}
          <a class=${names("button", runs?.length > 0 && "primary")} href=${href("start")}>Start a training</a>
        </div></div>
      ${runs === null ? html`<${Waiting} what="Reading the runs" />` : runs.length === 0 ? html`<${Empty} />` : html`<${RunTable} runs=${runs} chosen=${chosen} choose=${choose} />`}
    </div>`;
}

const RunTable = ({ runs, chosen, choose }) => html`
  <table class="runs">
    <thead><tr><th scope="col"><span class="hidden-visually">Compare</span></th><th scope="col">Run</th><th scope="col">State</th><th scope="col" class="wide-only">Stages</th>
      <th scope="col" class="wide-only">Curve</th><th scope="col" class="number">Now</th><th scope="col" class="number wide-only">Time</th><th scope="col" class="wide-only">Made</th></tr></thead>
    <tbody>${runs.map((run) => html`<${Row} key=${run.name} run=${run} chosen=${chosen.includes(run.name)} choose=${choose} />`)}</tbody>
  </table>`;

function Row({ run, chosen, choose }) {
  const now = run.stages.find((stage) => stage.state === "running") ?? run.stages.at(-1);
  return html`
    <tr data-run=${run.name}>
      <td><input type="checkbox" checked=${chosen} aria-label=${`Compare ${run.name}`} onChange=${() => choose(run.name)} /></td>
      <th scope="row"><a href=${href(`runs/${encodeURIComponent(run.name)}`)}>${run.name}</a>${run.problem && html`<p class="bad small">${run.problem}</p>`}</th>
      <td><${State} state=${run.state} /></td>
      <td class="wide-only"><${StageChips} run=${run} /></td>
      <td class="wide-only"><${Sparkline} values=${run.curve} colour=${colourOf(run.name)} label=${`${now?.metric} of ${now?.name}`} /></td>
      <td class="number">${now ? html`<span data-name="value" data-value=${now.value}>${significant(now.value)}</span> <span class="muted">${now.metric}</span>` : html`<span class="muted">–</span>`}
        ${run.state === "running" && now && html`<br /><span class="muted small">${now.name} ${now.step}/${now.steps}</span>`}</td>
      <td class="number wide-only">${duration(run.seconds)}</td>
      <td class="muted wide-only">${run.created && ago(Date.parse(run.created.replace(/(\d\d)(\d\d)$/, "$1:$2")) / 1000)}</td>
    </tr>`;
}

/** Nothing was trained yet: offer the smallest whole life of a model. */
function Empty() {
  const [state, setState] = useState({});
  useEffect(() => {
    get("/api/jobs").then((jobs) => jobs.some((job) => job.running) && setState({ busy: true }), () => {});
  }, []);
  const start = async () => {
    setState({ busy: true });
    try {
      const form = await get("/api/forms/speedrun");
      await post("/api/jobs", { command: "speedrun", values: form.recipes.sample });
    } catch (error) {
      setState({ error: error.message });
    }
  };
  return html`
    <div class="panel empty-runs stack">
      <h2>No runs yet</h2>
      <p>A model's whole life, as small as it can be: it learns to write, to answer, and from what people like, in about a minute. You can watch.</p>
      <div class="row"><${Button} kind="primary" disabled=${state.busy} onClick=${start}>${state.busy ? "It is starting…" : "Make a sample"}<//>
        <a class="button" href=${href("start/speedrun")}>Or a larger one</a></div>
      ${state.error && html`<${Trouble}>${state.error}<//>`}
    </div>`;
}
