// The runs that a reader can start for a scaling law, and what was predicted of each before it ran.
import { Button } from "../kit/controls.js";
import { number, percent, short } from "../kit/format.js";
import { html } from "../kit/html.js";
import { href } from "../kit/route.js";
import { outcome } from "./scaling.model.js";

/** `onStart([rung, …])`; `canPredict`: there are points enough for a law that says something of the next one; `fitting`: it is not there yet. */
export function Rungs({ rungs, points, running, predictions, canPredict, fitting, onStart }) {
  const measured = new Map(points.map((point) => [point.run, point]));
  const busy = new Map(running.map((one) => [one.run, one]));
  const left = rungs.filter((rung) => !measured.has(rung.run) && !busy.has(rung.run));
  const first = left.slice(0, Math.max(1, 4 - (rungs.length - left.length)));
  return html`
    <section class="panel stack" aria-label="Runs to start">
      <div class="row rungs-head">
        <div><h3>Runs to start</h3>
          <p class="small muted">Each trains on two megabytes of the world; it goes on when you leave, but then the next ones are not started.</p></div>
        <div class="row"><${Button} kind="primary" disabled=${!left.length || running.length > 0 || fitting} onClick=${() => onStart(canPredict ? left.slice(0, 1) : first)}>
          ${canPredict ? "Write the prediction down, then train" : `Train the first ${first.length === 1 ? "of them" : first.length}`}<//></div>
      </div>
      <div class="table-scroll" tabindex="0" role="region" aria-label="Runs and predictions">
        <table><thead><tr><th scope="col">Run</th><th scope="col" class="number">Size</th><th scope="col" class="number">Predicted before it ran</th><th scope="col"
          class="number">Measured</th><th scope="col">Off by</th></tr></thead>
          <tbody>${rungs.map((rung) => html`<${Rung} key=${rung.run} rung=${rung} point=${measured.get(rung.run)} busy=${busy.get(rung.run)}
            prediction=${predictions[rung.run]} />`)}</tbody></table>
      </div>
    </section>`;
}

function Rung({ rung, point, busy, prediction }) {
  const came = point && prediction && outcome(prediction, point.bits);
  const begun = point || (busy && !busy.waiting);
  return html`
    <tr data-run=${rung.run}>
      <td>${begun ? html`<a href=${href(`runs/${rung.run}`)}>${rung.label}</a>` : rung.label}</td>
      <td class="number">${short(rung.size)}</td>
      <td class="number">${prediction ? html`${number(prediction.y, 3)}${prediction.low !== null && html` <span class="muted">(${number(prediction.low,
        3)} to ${number(prediction.high, 3)})</span>`} <span class="muted">from ${prediction.points}</span>` : "–"}</td>
      <td class="number">${point ? number(point.bits, 3) : busy ? (busy.waiting ? "waiting" : "training…") : "–"}</td>
      <td>${came ? html`${percent(Math.abs(came.error), 1)} too ${came.error > 0 ? "high" : "low"}${came.within === null ? "" : came.within ? ", within the band"
        : ", outside the band"}` : "–"}</td>
    </tr>`;
}
