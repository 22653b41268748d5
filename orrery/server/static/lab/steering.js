// What a person can do with a run that trains: pause it, end it, go on, change its learning rate.
import { Button, Slider, Trouble } from "../kit/controls.js";
import { duration, number } from "../kit/format.js";
import { html, useEffect, useState } from "../kit/html.js";
import { State, tell } from "./runs.js";

/** `run`: its summary from the list. */
export function Steering({ run }) {
  const [told, setTold] = useState("");
  const [error, setError] = useState("");
  const [factor, setFactor] = useState(1);
  const [asked, setAsked] = useState(0); // how often it was asked to stop
  useEffect(() => {
    setAsked(0);
    setTold(""); // it has obeyed
  }, [run.state]);
  const say = (words, done) => {
    setError("");
    done.then(() => setTold(words), (problem) => setError(problem.message));
  };
  const pause = () => {
    setAsked(asked + 1);
    say(asked ? "It ends at once." : "It finishes its step and writes a checkpoint.", tell.stop(run.name, asked > 0));
  };
  const resume = () => say("It is starting: that takes a few seconds.", tell.resume(run.name));
  const running = run.state === "running";
  const unfinished = !running && run.state !== "finished";
  if (!running && !unfinished) return null;
  return html`
    <div class="steering">
      <div class="row">
        ${running && html`<${Button} onClick=${pause}>${asked ? "End it at once" : "Pause"}<//>`}
        ${unfinished && html`<${Button} kind="primary" onClick=${resume}>Resume<//>`}
        ${told && html`<span class="muted small" role="status">${told}</span>`}
      </div>
      ${run.stages.some((stage) => stage.state === "running") && html`
        <div class="rate">
          <${Slider} label="learning rate ×" value=${factor} min=${0.01} max=${10} step=${0.01} log=${true} digits=${2} onInput=${setFactor} />
          <${Button} onClick=${() => say(`The learning rate is now ${number(factor, 2)} times what was planned.`, tell.learningRate(run.name, factor))}>Set it<//>
        </div>`}
      ${error && html`<${Trouble}>${error}<//>`}
    </div>`;
}

/** How far a run is: its stages as steps of a line, the one under way with a bar and the time that is left. */
export function Progress({ run }) {
  const now = run.stages.find((stage) => stage.state === "running") ?? run.stages.at(-1);
  const share = now?.steps ? Math.min(1, now.step / now.steps) : 0;
  return html`
    <div class="progress">
      <${StageChips} run=${run} />
      ${now && run.state !== "finished" && html`
        <div class="progress-line">
          <progress value=${share} max="1" aria-label=${`${now.name}: step ${now.step} of ${now.steps}`}></progress>
          <span class="number small">${now.name} <strong data-name="step" data-value=${now.step}>${now.step.toLocaleString("en-US")}</strong> of ${now.steps.toLocaleString("en-US")}
            ${now.seconds_left !== null && html` · ${duration(now.seconds_left)} left`}</span>
        </div>`}
      ${run.state === "running" && !now && html`<p class="muted small" role="status">Preparing: ${run.doing || "the machine is measured"}…</p>`}
    </div>`;
}

/** The stages of a run, each with its state. */
export const StageChips = ({ run }) => html`
  <ol class="stages">${run.stages.map((stage) => html`
    <li key=${stage.name} class=${`stage ${stage.state.replace(" ", "-")}`} title=${`${stage.name}: ${stage.state}, step ${stage.step} of ${stage.steps}`}>${stage.name}
      <span class="hidden-visually"> ${stage.state}</span></li>`)}</ol>`;

/** Name, state and what made it. */
export const RunLine = ({ run }) => html`<p class="run-line"><${State} state=${run.state} /><code>${run.command ? `orrery ${run.command}` : ""}</code></p>`;
