// Figures: reinforcement learning as it went, measured and on this machine; and DPO beside PPO.
import { Chart } from "../../kit/chart.js";
import { Segmented, Select, Waiting } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { html } from "../../kit/html.js";
import { href, useUrlState } from "../../kit/route.js";
import { useStyle } from "../../kit/style.js";
import { useRun, useRuns } from "../../lab/runs.js";
import { Plot } from "../../sims/reward-gaming.plot.js";
import { MeasuredBadge, useMeasured } from "./measured.js";

const SHARES = [["right", "right", 1], ["direct", "at once", 2], ["checked", "with a second pass", 3]];

/** The R1 moment at desk size: accuracy and length over the steps of GRPO from a base model. */
export function R1Figure() {
  const [state, setState] = useUrlState("r1", { seed: "0" });
  const measured = useMeasured("r1_curve");
  if (!measured) return html`<${Waiting} what="Reading what was measured" />`;
  const rows = measured.rows[state.seed] ?? measured.rows[0];
  const steps = rows.map((row) => row.step);
  return html`
    <${Figure} title="GRPO from a base model, rewarded for right answers alone"
      table=${{ columns: ["step", ...SHARES.map(([, label]) => label), "tokens"], rows: rows.map((row) => [row.step, ...SHARES.map(([name]) => row[name]), row.length]) }}
      caption="No example is shown and no step is rewarded: only the last number counts. Answers at once die out, answers grow from some 35 to 90 tokens, and
        the share that is right doubles."
      controls=${html`<${Segmented} label="Seed" value=${state.seed} options=${Object.keys(measured.rows).map((seed) => [seed, `seed ${seed}`])} onInput=${(seed) => setState({ seed })} />`}>
      <${Chart} label="Shares of answers against steps" x=${steps} xLabel="step" yLabel="share" height=${230} sync="r1"
        lines=${SHARES.map(([name, label, colour]) => ({ label, colour, values: rows.map((row) => row[name]) }))} />
      <${Chart} label="Tokens an answer against steps" x=${steps} xLabel="step" yLabel="tokens" height=${170} sync="r1"
        lines=${[{ label: "tokens an answer", colour: 4, values: rows.map((row) => row.length) }]} />
      <${MeasuredBadge} of=${measured} />
    <//>`;
}

/** GRPO in a run of this machine. */
export function GRPOFigure() {
  const [state, setState] = useUrlState("grpo", { run: "" });
  const runs = useRuns()?.filter((run) => run.stages.some((stage) => stage.name.startsWith("grpo")));
  const run = runs?.find((one) => one.name === state.run) ?? runs?.[0];
  const store = useRun(run?.name);
  const ready = useStyle("lab/lab.css");
  if (!runs || !ready) return html`<${Waiting} what="Reading the runs" />`;
  if (!run) return html`<p class="empty">No run has gone through GRPO yet. <a href=${href("start/grpo")}>Start one</a>.</p>`;
  const stage = run.stages.find((one) => one.name.startsWith("grpo")).name;
  const table = store?.stages[stage];
  if (!table) return html`<${Waiting} what="Reading the run" />`;
  const column = (name) => table.values[name] ?? table.step.map(() => null);
  const lines = [{ label: "mean reward", colour: 1, values: column("reward") }, { label: "groups without spread", colour: 2, values: column("frac_reward_zero_std"), dashed: true }];
  return html`
    <${Figure} title="The same stage, in a run of this machine" note=${`${run.name}/${stage}`} result=${{ shows: "orrery.stages.grpo.GRPOStage.score" }}
      table=${{ columns: ["step", "mean reward", "groups without spread", "tokens"],
        rows: table.step.map((step, i) => [step, lines[0].values[i] ?? "", lines[1].values[i] ?? "", column("completions/mean_length")[i] ?? ""]) }}
      caption="The dashed line is the share of groups that taught nothing. Where a model solves few of these sums most groups are all wrong, and the reward
        hardly moves: reinforcement needs something to reinforce."
      controls=${runs.length > 1 && html`<${Select} label="Run" value=${run.name} options=${runs.map((one) => [one.name, one.name])} onInput=${(name) => setState({ run: name })} />`}>
      <${Chart} label="Reward and groups without spread against steps" x=${table.step} xLabel="step" yLabel="mean, share" height=${220} lines=${lines} />
    <//>`;
}

/** Policies of DPO and of PPO: how good they are, and how far away. */
export function DuelFigure() {
  const [state, setState] = useUrlState("duel", { seed: "0" });
  const ready = useStyle("sims/reward-gaming.css");
  const measured = useMeasured("dpo_vs_ppo");
  if (!measured || !ready) return html`<${Waiting} what="Reading what was measured" />`;
  const rows = measured.rows[state.seed] ?? measured.rows[0];
  const series = [["DPO", 1], ["PPO", 2]].map(([who, colour]) => ({
    label: `${who}: gold`, colour, points: rows.filter((row) => row.who === who).map((row) => ({ x: Math.sqrt(row.kl), y: row.gold })),
  }));
  return html`
    <${Figure} title="DPO and PPO from the same preferences"
      table=${{ columns: ["who", "steps", "seconds", "KL, nats", "gold", "proxy"], rows: rows.map((row) => [row.who, row.steps, row.seconds, row.kl, row.gold, row.proxy]) }}
      caption="Each point is a policy: trained for so long, so far from the assistant, scored by the hidden rubric. The verdict is unclear: DPO is ahead by
        little at the same distance in all three seeds, and one long PPO run went past all of DPO's."
      controls=${html`<${Segmented} label="Seed" value=${state.seed} options=${Object.keys(measured.rows).map((seed) => [seed, `seed ${seed}`])} onInput=${(seed) => setState({ seed })} />`}>
      <${Plot} label="Gold against distance" xLabel="distance: square root of the nats of KL" yLabel="gold" series=${series} />
      <${MeasuredBadge} of=${measured} />
    <//>`;
}
