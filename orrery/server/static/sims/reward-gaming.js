// Simulation 19: reward gaming. Proxy and gold of real PPO runs against how far they went, and what they wrote there.
import { get, post, useCompute } from "../kit/api.js";
import { Button, Segmented, Slider, Trouble, Waiting } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { number } from "../kit/format.js";
import { html, useState } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { colourOf, useRun, useRuns } from "../lab/runs.js";
import { Progress } from "../lab/steering.js";
import { MeasuredBadge, useMeasured } from "../course/figures/measured.js";
import { gap, leashOf, pointsOf, samplesAt, smooth } from "./reward-gaming.model.js";
import { Plot } from "./reward-gaming.plot.js";

const DEFAULTS = { model: "", judge: "", beta: 0, steps: 160, point: "", seed: "0" };
const MOST = 3; // runs at a time
const NAME = "gaming";
const SHORT = { wishes: 400, ppo: { replay: 0 } }; // nothing but the leash is to hold it
const WAYS = { "best of n": 5, "PPO, no leash": 2, "PPO, beta 0.1": 3 };
const STYLES = ["sims/reward-gaming.css", "lab/lab.css", "course/figures/figures.css"];
const DISTANCE = "distance: square root of the nats of KL";

export default function RewardGaming() {
  const [state, setState] = useUrlState("gaming", DEFAULTS);
  const ready = STYLES.map(useStyle).every(Boolean);
  if (!ready) return null;
  return html`<div class="stack"><${Here} state=${state} setState=${setState} /><${Published} state=${state} setState=${setState} /></div>`;
}

/** The runs of this machine. */
function Here({ state, setState }) {
  const runs = useRuns();
  const found = (runs ?? []).filter((run) => run.stages.some((stage) => stage.name === "ppo")).slice(0, MOST);
  const stores = [useRun(found[0]?.name), useRun(found[1]?.name), useRun(found[2]?.name)].filter((store) => store?.stages.ppo);
  const curves = stores.map((store) => ({ store, name: store.name, points: pointsOf(store.stages.ppo), beta: leashOf(store.stages.ppo) })).filter((one) => one.points.length);
  const chosen = curves.flatMap((one) => one.points.map((point) => ({ ...one, point, key: `${one.name}:${point.step}` }))).find((one) => one.key === state.point)
    ?? (curves[0] && { ...curves[0], point: curves[0].points.at(-1), key: `${curves[0].name}:${curves[0].points.at(-1).step}` });
  const going = found.find((run) => run.state === "running");
  return html`
    <${Figure} title="Proxy and gold, the further a policy goes" note=${`runs of this machine, ${curves.map((one) => one.name).join(", ") || "none yet"}`}
      result=${{ shows: "orrery.stages.ppo.PPOStage.evaluate" }}
      table=${{ columns: ["run", "leash", "step", "KL, nats", "proxy", "gold"],
        rows: curves.flatMap((one) => one.points.map((point) => [one.name, one.beta ?? "", point.step, point.kl, point.proxy, point.gold])) }}
      caption="Dashed is the proxy, the reward model's score, which PPO raises; full is gold, the hidden rubric's, which nobody optimises. Choose a point to
        read what the policy wrote there (a model made in a minute writes no good stories: what matters here is what pays)."
      controls=${html`<${Starting} state=${state} setState=${setState} busy=${Boolean(going)} />`}>
      ${going && html`<${Progress} run=${going} />`}
      ${runs === null ? html`<${Waiting} what="Reading the runs" />` : curves.length === 0
        ? html`<p class="empty">${found.length ? `${found[0].name} has begun PPO: its first point comes with its first evaluation.` : "No run has gone through PPO yet."}</p>`
        : html`
          <${Plot} label="Proxy and gold against distance" xLabel=${DISTANCE} yLabel="score" chosen=${chosen?.key} onChoose=${(point) => setState({ point })}
            series=${curves.flatMap((one) => lines(one.name, one.beta, colourOf(one.name), one.points))} />
          ${curves.map((one) => html`<${Verdict} key=${one.name} ...${one} />`)}
          ${chosen && html`<${Stories} ...${chosen} judge=${state.judge} />`}`}
    <//>`;
}

/** A run's two lines; points of gold can be chosen. */
function lines(name, beta, colour, points) {
  const words = `${name}${beta === null ? "" : `, β ${number(beta, 2)}`}`;
  const at = (of) => points.map((point) => ({
    x: Math.sqrt(point.kl), y: point[of], key: `${name}:${point.step}`,
    title: `${words}, step ${point.step}: ${number(point.kl, 1)} nats away, proxy ${number(point.proxy)}, gold ${number(point.gold)}`,
  }));
  return [{ label: `${words}: gold`, colour, points: at("gold") }, { label: `${words}: proxy`, colour, dashed: true, points: at("proxy") }];
}

/** What is to be seen, in words. */
function Verdict({ name, points }) {
  const { best, last, fall, rise } = gap(points);
  return html`
    <p class="small muted gaming-verdict"><strong>${name}</strong>: gold was best at step ${best.step} (<span class="number">${number(best.gold)}</span>)${best === last
      ? ", its last point." : html` and is${" "}
      <span class="number" data-name="fall" data-value=${fall}>${number(fall)}</span> below that at step ${last.step}, while the proxy${" "}
      ${rise >= 0 ? "rose" : "fell"}${" "}by <span class="number">${number(Math.abs(rise))}</span>.`}</p>`;
}

function Starting({ state, setState, busy }) {
  const all = useModels("assistant", "reward");
  const [started, setStarted] = useState({});
  const [assistants, judges] = ["assistant", "reward"].map((kind) => all?.filter((one) => one.kind === kind));
  const model = modelOr(assistants?.filter((one) => one.stage === "sft").concat(assistants), state.model);
  const own = judges?.find((one) => one.run === model?.split("/")[0])?.name;
  const judge = modelOr(judges, state.judge || own);
  const start = async () => {
    setStarted({ busy: true });
    const every = Math.max(5, Math.round(state.steps / 10));
    const values = { ...SHORT, model, reward_model: judge, steps: state.steps, run: "" };
    values.ppo = { ...SHORT.ppo, kl: state.beta, train: { evaluate_every: every, sample_every: every } };
    try {
      const { run } = await post("/api/jobs", { command: "ppo", values: { ...values, run: await freeName() } });
      setStarted({ run });
      setState({ point: "" });
    } catch (error) {
      setStarted({ error: error.message });
    }
  };
  if (assistants?.length === 0 || judges?.length === 0) {
    return html`<p class="empty">A run here needs an assistant and a reward model: <a href=${href("start/speedrun")}>a speedrun</a> with all its stages makes both.</p>`;
  }
  return html`
    <div class="row gaming-controls">
      <${ModelPicker} label="Assistant" list=${assistants} value=${model} onInput=${(name) => setState({ model: name })} />
      <${ModelPicker} label="Reward model" list=${judges} value=${judge} onInput=${(name) => setState({ judge: name })} />
      <${Slider} label="leash β" value=${state.beta} min=${0} max=${0.5} step=${0.01} onInput=${(beta) => setState({ beta })} />
      <${Slider} label="steps" value=${state.steps} min=${20} max=${600} step=${20} onInput=${(steps) => setState({ steps })} />
      <${Button} kind="primary" onClick=${start} disabled=${!model || !judge || busy || started.busy}>Start a short run<//>
      ${started.run && !busy && html`<span class="muted small" role="status">${started.run} was started: its first point comes after a few seconds.</span>`}
    </div>
    ${started.error && html`<${Trouble}>${started.error}<//>`}`;
}

/** gaming, gaming-2, …: the first that no run here has. */
async function freeName() {
  const taken = new Set((await get("/api/runs")).map((run) => run.name));
  let number = 1;
  while (taken.has(number === 1 ? NAME : `${NAME}-${number}`)) number += 1;
  return number === 1 ? NAME : `${NAME}-${number}`;
}

/** What the policy wrote near a point, with both scores. */
function Stories({ store, name, point, judge }) {
  const judges = useModels("reward");
  const own = store.detail?.record.recipe?.reward_model ?? name; // the run's own judge; a speedrun has it beside
  const model = modelOr(judges, judge || judges?.find((one) => own.endsWith(one.name) || one.run === own)?.name);
  const stories = samplesAt(store.samples.filter((one) => one.stage === "ppo"), point.step);
  const asked = stories.map(({ values }) => ({ prompt: values.prompt, text: values.text }));
  const { result, error } = useCompute("story-scores", model && asked.length ? { model, stories: asked } : null);
  const scores = result?.answer.scores.length === asked.length ? result.answer.scores : null;
  if (!stories.length) return html`<p class="muted small">No sample was kept of this run yet.</p>`;
  return html`
    <section aria-label="What the policy wrote" class="stories" aria-live="polite">
      <h4>${name}, step ${stories[0].step}: what it writes</h4>
      ${stories.map(({ values }, index) => html`
        <article class="story" key=${index}>
          <div><p class="muted small">${values.prompt}</p><blockquote>${values.text || "(nothing)"}</blockquote></div>
          <dl><dt>proxy</dt><dd class="number" data-name="proxy" data-value=${scores?.[index].proxy}>${number(scores?.[index].proxy)}</dd>
            <dt>gold</dt><dd class="number" data-name="gold" data-value=${scores?.[index].gold}>${number(scores?.[index].gold)}</dd>
            ${Object.entries(scores?.[index].parts ?? {}).map(([part, value]) => html`<dt key=${part}>· ${part}</dt><dd class="number muted">${number(value)}</dd>`)}</dl>
        </article>`)}
      ${error && html`<${Trouble}>${error}<//>`}
    </section>`;
}

/** What the ledger's longer runs came to. */
function Published({ state, setState }) {
  const measured = useMeasured("over_optimisation");
  if (!measured) return html`<${Waiting} what="Reading what was measured" />`;
  const rows = measured.rows[state.seed] ?? measured.rows[0];
  const curves = Object.entries(WAYS).map(([way, colour]) => ({ way, colour, rows: rows.filter((row) => row.way === way) }));
  const series = curves.flatMap(({ way, colour, rows: all }) => {
    const distance = smooth(all.map((row) => Math.sqrt(row.kl)));
    return ["gold", "proxy"].map((of) => ({
      label: `${way}: ${of}`, colour, dashed: of === "proxy", points: smooth(all.map((row) => row[of])).map((y, i) => ({ x: distance[i], y })),
    }));
  });
  return html`
    <${Figure} title="The same, measured with larger models and a weak reward model"
      table=${{ columns: ["way", "KL, nats", "proxy", "gold"], rows: rows.map((row) => [row.way, row.kl, row.proxy, row.gold]) }}
      caption="Not computed now: these are the ledger's runs, assistants of full speedruns against a reward model made from 150 rankings, means of three
        neighbouring points. Without a leash the proxy climbs while gold turns round; with β = 0.1 the policy stays within a few nats."
      controls=${html`<${Segmented} label="Seed" value=${state.seed} options=${Object.keys(measured.rows).map((seed) => [seed, `seed ${seed}`])} onInput=${(seed) => setState({ seed })} />`}>
      <${Plot} label="Proxy and gold against distance, as measured" xLabel=${DISTANCE} yLabel="score" series=${series} />
      <${MeasuredBadge} of=${measured} />
    <//>`;
}
