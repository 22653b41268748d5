// The heart of a run's page, and simulation 12: the curve of a stage as it grows, with what the model writes pinned on it.
import { Waiting } from "../kit/controls.js";
import { html, useState } from "../kit/html.js";
import { Samples, sampleSteps } from "./samples.js";
import { MetricChart } from "./metric_chart.js";
import { emptyTable } from "./metrics.model.js";
import { colourOf } from "./runs.js";

const DOTS = "Dots are where the model wrote the texts below.";
const TELLING = ["reward", "accuracy", "rewards/accuracies", "loss"];

/** The number that says how a stage goes. */
export const telling = (table) => TELLING.find((name) => name in table.values) ?? "loss";

/**
 * The curve of a stage. `store`: the run (`useRun`); `others`: [{name, table}], earlier runs under it; `settings` of charts.
 */
export function LiveStage({ store, stage, settings, others = [], sync }) {
  const [step, setStep] = useState(null);
  const version = store.version.value; // read at once: a component is drawn again only for the signals that it has read
  if (!store.detail && !store.error.value) return html`<${Waiting} what="Reading the numbers" />`;
  const table = store.stages[stage] ?? emptyTable();
  const metric = telling(table);
  const samples = store.samples.filter((sample) => sample.stage === stage);
  const steps = sampleSteps(samples);
  const chosen = steps.includes(step) ? step : steps.at(-1);
  const own = { name: metric, table, colour: colourOf(store.name) };
  const examined = metric === "loss" && table.values.held_out_loss;
  const heldOut = examined ? [{ name: "held out", table, metric: "held_out_loss", colour: own.colour, dashed: true }] : [];
  const overlays = others.map(({ name, table: other }) => ({ name, table: other, colour: colourOf(name) }));
  const vocabulary = store.detail?.record.plan?.vocab_size ?? store.detail?.record.recipe?.vocab_size;
  const guessing = stage === "base" && vocabulary ? { label: `guessing: ln ${vocabulary}`, value: Math.log(vocabulary) } : undefined;
  return html`
    <div class="live">
      <${MetricChart} title=${`${metric} of ${stage}`} metric=${metric} series=${[own, ...heldOut, ...overlays]} settings=${settings} height=${320} sync=${sync}
        version=${version} level=${guessing} name=${`${store.name}-${stage}`} marks=${steps.map((one) => ({ step: one, chosen: one === chosen }))}
        caption=${guessing && `The level line is what guessing evenly among ${vocabulary} tokens costs: ln ${vocabulary} = ${guessing.value.toFixed(3)} nats. ${DOTS}`}
        note=${`run ${store.name} · step ${table.step.at(-1) ?? 0}`} />
      <${Samples} samples=${samples} step=${chosen} onStep=${setStep} />
    </div>`;
}
