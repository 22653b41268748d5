// What a model wrote on its way, step by step: a slider through the steps, the texts of one step beside the last before.
import { Slider } from "../kit/controls.js";
import { html } from "../kit/html.js";

/** The steps at which samples were taken, in order. */
export const sampleSteps = (samples) => [...new Set(samples.map((sample) => sample.step))].sort((a, b) => a - b);

/** `samples`: sample events of one stage; `step`: the one that is shown; `onStep(step)`. */
export function Samples({ samples, step, onStep }) {
  const steps = sampleSteps(samples);
  if (!steps.length) return html`<p class="empty">No text yet: a stage writes some at intervals, and when it ends.</p>`;
  const at = steps.includes(step) ? steps.indexOf(step) : steps.length - 1;
  const shown = samples.filter((sample) => sample.step === steps[at]);
  return html`
    <div class="samples">
      ${steps.length > 1 && html`<${Slider} label="after step" value=${steps[at]} min=${steps[0]} max=${steps.at(-1)} step=${1} digits=${0}
        onInput=${(value) => onStep(nearest(steps, value, steps[at]))} />`}
      <ul aria-live="polite" data-step=${steps[at]}>${shown.map(({ values, seq }) => html`
        <li key=${seq}>
          ${values.prompt && html`<span class="prompt">${values.prompt}</span>`}${values.chat && html`<span class="muted"> → </span>`}<span>${values.text}</span>
        </li>`)}</ul>
    </div>`;
}

/** The step of the list that is meant: the next one in the direction that the slider was moved, or the nearest. */
function nearest(steps, value, from) {
  const beyond = value > from ? steps.find((one) => one >= value) : steps.findLast((one) => one <= value);
  const close = steps.reduce((best, one) => (Math.abs(one - value) < Math.abs(best - value) ? one : best));
  return close === from ? (beyond ?? from) : close;
}
