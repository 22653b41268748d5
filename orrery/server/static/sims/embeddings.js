// Simulation 7: the embeddings of the letters, in one plane, while the model learns.
import { useCompute } from "../kit/api.js";
import { Bars } from "../kit/bars.js";
import { Segmented, Toggle, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { integer, number, percent } from "../kit/format.js";
import { html, names } from "../kit/html.js";
import { useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { kindOf, neighbours, state as at, together } from "./embeddings.model.js";
import { MicroPicker, NoMicro, StepSlider, nearest, useMicro } from "./micro.js";
import { Plot } from "./plot.js";
import { range } from "./plot.model.js";

const DEFAULTS = { micro: "", step: -1, matrix: "token", chosen: "a", trails: true };
const NEAREST = 8;

export default function Embeddings() {
  const [state, setState] = useUrlState("embeddings", DEFAULTS);
  const ready = useStyle("sims/embeddings.css");
  const run = useMicro(state.micro);
  const { result, error } = useCompute("micro-embeddings", run && { micro: run.name, matrix: state.matrix, last: run.steps[run.steps.length - 1] });
  if (!ready) return null;
  if (!run) return html`<${Figure} title="Letters find their places"><${NoMicro} /><//>`;
  const answer = result?.answer;
  const step = answer && nearest(answer.steps, state.step);
  const moment = answer && answer.steps.indexOf(step);
  const points = answer && at(answer.points, moment);
  const table = answer && {
    columns: [state.matrix, "kind", "first axis", "second axis"],
    rows: answer.names.map((name, i) => [name, kindOf(name), points.data[2 * i], points.data[2 * i + 1]]),
  };
  return html`
    <${Figure} title=${state.matrix === "token" ? "Letters find their places" : "Positions find their places"} table=${table} result=${result} note=${answer && `${run.name}, step ${integer(step)}`}
      caption="Nobody told the model which letters are vowels: they come together because what follows them, and what they follow, is
        alike. All steps are drawn in one plane, the one in which the last step's vectors differ most, so what moves is learning and not
        the camera."
      controls=${html`
        <${MicroPicker} value=${run.name} onInput=${(micro) => setState({ micro })} />
        ${answer && html`<${StepSlider} steps=${answer.steps} value=${step} onInput=${(value) => setState({ step: value })} />`}
        <div class="row">
          <${Segmented} label="Which vectors" value=${state.matrix} options=${[["token", "Letters"], ["position", "Positions"]]}
            onInput=${(matrix) => setState({ matrix, chosen: matrix === "token" ? "a" : "0" })} />
          <${Toggle} label="Where they came from" value=${state.trails} onInput=${(trails) => setState({ trails })} />
        </div>`}>
      ${error && html`<${Trouble}>${error}<//>`}
      ${answer && html`<div class="embeddings-columns">
        <${Scatter} answer=${answer} moment=${moment} chosen=${state.chosen} trails=${state.trails} choose=${(chosen) => setState({ chosen })} />
        <${Near} answer=${answer} moment=${moment} chosen=${state.chosen} choose=${(chosen) => setState({ chosen })} />
      </div>`}
    <//>`;
}

function Scatter({ answer, moment, chosen, trails, choose }) {
  const all = Array.from(answer.points.data);
  const [x, y] = [range(all.filter((_, i) => i % 2 === 0)), range(all.filter((_, i) => i % 2 === 1))];
  const [, size] = answer.points.shape;
  const place = (s, i) => [answer.points.data[2 * (s * size + i)], answer.points.data[2 * (s * size + i) + 1]];
  const [first, second] = answer.share;
  return html`
    <div>
      <${Plot} label="Embeddings in a plane" x=${x} y=${y} xLabel=${`first axis, ${percent(first, 0)} of what differs`} yLabel=${`second axis, ${percent(second, 0)}`} height=${420}>
        ${({ sx, sy }) => answer.names.map((name, i) => {
          const [px, py] = place(moment, i);
          const trail = trails && Array.from({ length: moment + 1 }, (_, s) => place(s, i)).map(([a, b], s) => `${s ? "L" : "M"}${sx(a).toFixed(1)} ${sy(b).toFixed(1)}`).join("");
          return html`<g key=${name} class=${names("embedding", kindOf(name), name === chosen && "chosen")}>
            ${trail && html`<path class="embedding-trail" d=${trail} />`}
            <g class="embedding-mark" style=${{ transform: `translate(${sx(px)}px, ${sy(py)}px)` }} onClick=${() => choose(name)} data-name=${name} data-value=${`${px},${py}`}>
              <${Shape} kind=${kindOf(name)} /><text y="4" text-anchor="middle">${name === "BOS" ? "▸" : name}</text></g></g>`;
        })}
      <//>
      <p class="embeddings-key small muted"><span><i class="key-vowel"></i>vowel</span><span><i class="key-consonant"></i>consonant</span>
        <span><i class="key-other"></i>${answer.names.includes("BOS") ? "▸ begin or end" : "position"}</span></p>
    </div>`;
}

const Shape = ({ kind }) =>
  kind === "vowel" ? html`<circle r="11" />` : kind === "consonant" ? html`<rect x="-10" y="-10" width="20" height="20" rx="2" />` : html`<path d="M0 -14L14 0L0 14L-14 0Z" />`;

function Near({ answer, moment, chosen, choose }) {
  const vectors = at(answer.vectors, moment);
  const index = Math.max(0, answer.names.indexOf(chosen));
  const near = neighbours(vectors, index).slice(0, NEAREST);
  const share = together(vectors, answer.names);
  const chance = (answer.names.filter((name) => kindOf(name) === "vowel").length - 1) / (answer.names.length - 1);
  return html`
    <div class="stack">
      <label class="select"><span>Nearest to</span>
        <select value=${answer.names[index]} onChange=${(event) => choose(event.target.value)}>${answer.names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
      <${Bars} label=${`Nearest to ${answer.names[index]}`} signed max=${1} format=${(value) => number(value, 2)} onPick=${(i) => choose(answer.names[near[i].index])}
        items=${near.map((one) => ({ label: answer.names[one.index], value: one.cosine, mark: kindOf(answer.names[one.index]) === "vowel" }))} />
      <p class="small muted">Cosines between all sixteen numbers of two vectors, not only the two that are drawn. Vowels are bold.</p>
      ${share !== null && html`<p class="small" aria-live="polite">Of the four nearest of every vowel,${" "}
        <strong data-name="together" data-value=${share}>${percent(share, 0)}</strong> are vowels; by chance it would be ${percent(chance, 0)}.</p>`}
    </div>`;
}
