// The runs of microGPT that simulations scrub through; and making one where there is none.
import { get, post } from "../kit/api.js";
import { Button, Select, Trouble } from "../kit/controls.js";
import { integer } from "../kit/format.js";
import { html, signal, useEffect, useId, useRef } from "../kit/html.js";
import { reduced } from "../kit/motion.js";
import { useStyle } from "../kit/style.js";

const LESSON = { steps: 3000, snapshot_every: 50 }; // five seconds of training, and sixty states to look at
const PAUSE = 600; // ms between two looks at a training

/** All runs of microGPT, the newest first; null until they are read. */
export const micros = signal(null);
const trouble = signal(null);
const making = signal(null); // the run that is being made

async function refresh() {
  try {
    micros.value = await get("/api/micro");
    trouble.value = null;
  } catch (error) {
    trouble.value = error.message;
  }
}

/** Train one, and show its steps as they come. */
async function make() {
  try {
    const job = await post("/api/jobs", { command: "microgpt", values: LESSON });
    making.value = job.run;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      const now = (await get("/api/jobs")).find((one) => one.id === job.id);
      await refresh();
      if (!now?.running) {
        if (now?.error) trouble.value = now.error;
        break;
      }
    }
  } catch (error) {
    trouble.value = error.message;
  }
  making.value = null;
}

/** The run to look at, `wanted` where it is there, else the newest; null where there is none (show <NoMicro>). */
export function useMicro(wanted) {
  useEffect(() => {
    if (micros.value === null) refresh();
  }, []);
  const list = micros.value ?? [];
  return list.find((run) => run.name === wanted) ?? list[0] ?? null;
}

/** The kept step nearest to the one that is asked for; below 0: the last. */
export function nearest(steps, step) {
  if (step < 0) return steps[steps.length - 1];
  return steps.reduce((best, one) => (Math.abs(one - step) < Math.abs(best - step) ? one : best), steps[0]);
}

/** What is shown where there is no run of microGPT. */
export function NoMicro() {
  if (trouble.value) return html`<${Trouble}>${trouble.value}<//>`;
  if (micros.value === null) return html`<p class="waiting" role="status">Reading the runs…</p>`;
  return html`
    <div class="stack empty">
      <p>This needs a trained microGPT, the 4,192-parameter model on names, and there is none yet. Training one takes about ten seconds.</p>
      <div class="row"><${Button} kind="primary" onClick=${make} disabled=${making.value !== null}>${making.value ? "Training…" : "Train one"}<//>
        <code class="small">orrery microgpt --run micro --steps 3000 --snapshot-every 50</code></div>
    </div>`;
}

/** Of several runs one; and how far one that is being made has come. */
export function MicroPicker({ value, onInput }) {
  const list = micros.value ?? [];
  return html`
    ${list.length > 1 && html`<${Select} label="Run" value=${value} onInput=${onInput} options=${list.map((run) => [run.name, run.name])} />`}
    ${making.value && html`<p class="small muted" role="status">Training ${making.value}: its steps appear as it learns.</p>`}`;
}

/** A slider over the steps that were kept, with play; with less motion, play goes to the end at once. */
export function StepSlider({ steps, value, onInput, play = true }) {
  const ready = useStyle("sims/micro.css");
  const id = useId();
  const timer = useRef(0);
  const at = useRef(0);
  at.current = steps.indexOf(value);
  useEffect(() => () => clearInterval(timer.current), []);
  const start = () => {
    clearInterval(timer.current);
    if (reduced.value) return onInput(steps[steps.length - 1]);
    onInput(steps[0]);
    timer.current = setInterval(() => {
      if (at.current + 1 >= steps.length) clearInterval(timer.current);
      else onInput(steps[at.current + 1]);
    }, 120);
    return undefined;
  };
  const moved = (event) => {
    clearInterval(timer.current);
    onInput(steps[Number(event.target.value)]);
  };
  if (!ready) return null;
  return html`
    <div class="steps">
      <label for=${id}>Training step</label>
      <input type="range" id=${id} min="0" max=${steps.length - 1} step="1" value=${at.current} aria-valuetext=${`after ${value} steps`} onInput=${moved} />
      <output class="number small" for=${id}>${integer(value)} of ${integer(steps[steps.length - 1])}</output>
      ${play && html`<${Button} onClick=${start}>Play<//>`}
    </div>`;
}
