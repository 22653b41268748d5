// Simulation 3: the derivative. A secant becomes the tangent; and the loss of a real model against one of its weights.
import { useCompute } from "../kit/api.js";
import { Segmented, Select, Slider, TextInput, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { significant, superscript } from "../kit/format.js";
import { Heat } from "../kit/heat.js";
import { html, names } from "../kit/html.js";
import { useUrlState } from "../kit/route.js";
import { MicroPicker, NoMicro, StepSlider, nearest, useMicro } from "./micro.js";
import { Handle, Plot } from "./plot.js";
import { path, range } from "./plot.model.js";

const DEFAULTS = {
  view: "function", expression: "x^3/3 - x", x: 1.5, h: 0.8,
  micro: "", step: 0, matrix: "output", row: 0, column: 2, reach: 1,
};
const FUNCTIONS = ["x^2", "x^3/3 - x", "exp(x)", "relu(x)", "tanh(x)", "1 / (1 + x^2)"];
const ENDS = [-3, 3];

/** `only`: "function" or "weight", without the choice between them. */
export default function Derivative({ only }) {
  const [state, setState] = useUrlState("derivative", DEFAULTS);
  return html`
    ${!only && html`<${Segmented} label="What is looked at" value=${state.view} options=${[["function", "A function"], ["weight", "One weight of a model"]]}
      onInput=${(view) => setState({ view })} />`}
    ${(only ?? state.view) === "weight" ? html`<${Weight} state=${state} setState=${setState} />` : html`<${OfX} state=${state} setState=${setState} />`}`;
}

function OfX({ state, setState }) {
  const { result, error } = useCompute("derivative", { expression: state.expression, x: state.x, h: state.h, low: ENDS[0], high: ENDS[1] });
  const answer = result?.answer;
  const controls = html`
    <div class="columns">
      <div class="row"><${Select} label="Function" value=${FUNCTIONS.includes(state.expression) ? state.expression : ""} onInput=${(expression) => expression && setState({ expression })}
          options=${[...FUNCTIONS.map((one) => [one, one]), ["", "your own"]]} />
        <${TextInput} label="f(x) =" value=${state.expression} mono wait=${250} maxLength=${200} onInput=${(expression) => setState({ expression })} /></div>
      <div class="stack">
        <${Slider} label="x" value=${state.x} min=${ENDS[0]} max=${ENDS[1]} step=${0.01} digits=${2} onInput=${(x) => setState({ x })} />
        <${Slider} label="h" value=${state.h} min=${0.0001} max=${2} step=${0.001} log=${true} digits=${4} onInput=${(h) => setState({ h })} />
      </div>
    </div>`;
  const table = answer && { columns: ["x", "f(x)"], rows: Array.from(answer.x.data, (x, i) => [x, answer.y.data[i]]).filter((_, i) => i % 8 === 0) };
  return html`
    <${Figure} title="A secant becomes the tangent" table=${table} result=${result} controls=${controls}
      caption="The secant goes through the curve at x and at x + h, so its slope is rise over run. Make h small and it turns into the
        tangent, whose slope is the derivative; autograd gets it in one go, without any h.">
      ${error && html`<${Trouble}>${error}<//>`}
      ${answer && html`<${Curve} answer=${answer} state=${state} stale=${error !== null} onPoint=${(x) => setState({ x: Number(x.toFixed(2)) })} />`}
    <//>
    ${answer && !error && html`<${Errors} result=${result} state=${state} />`}`;
}

function Curve({ answer, state, stale, onPoint }) {
  const { x, h } = state;
  const { value, slope, secant } = answer;
  const [xs, ys] = [Array.from(answer.x.data), Array.from(answer.y.data)];
  const end = value + secant * h;
  const [low, high] = range([...ys, value], 0.9);
  const y = [Math.min(low, value - 0.3), Math.max(high, value + 0.3)];
  return html`
    <div class=${names("stack", stale && "stale")}>
      <${Plot} label=${`The curve of ${state.expression}, with its tangent and a secant`} x=${ENDS} y=${y} xLabel="x" yLabel="f(x)" onPoint=${onPoint}>
        ${({ sx, sy }) => {
          const line = (through, at, steep, name) => html`<line class=${name}
            x1=${sx(ENDS[0])} y1=${sy(through + steep * (ENDS[0] - at))} x2=${sx(ENDS[1])} y2=${sy(through + steep * (ENDS[1] - at))} />`;
          return html`<path class="curve" d=${path(xs, ys, sx, sy)} />
            ${line(value, x, slope, "tangent")} ${line(value, x, secant, "secant")}
            <circle class="second" cx=${sx(x + h)} cy=${sy(end)} r="5" />
            <${Handle} cx=${sx(x)} cy=${sy(value)} label="point on the curve" value=${x} text=${`x ${x}, slope ${significant(slope, 4)}`}
              onMove=${(dx) => onPoint(Math.min(ENDS[1], Math.max(ENDS[0], x + 0.05 * dx)))} />`;
        }}
      <//>
      <dl class="readings" aria-live="polite">
        <div><dt><span class="key-line" aria-hidden="true"></span>f(x)</dt><dd data-name="value" data-value=${value}>${significant(value, 5)}</dd></div>
        <div><dt><span class="key-line tangent-key" aria-hidden="true"></span>slope, by autograd</dt><dd data-name="slope" data-value=${slope}>${significant(slope, 5)}</dd></div>
        <div><dt><span class="key-line secant-key" aria-hidden="true"></span>slope of the secant</dt><dd data-name="secant" data-value=${secant}>${significant(secant, 5)}</dd></div>
        <div><dt>it is off by</dt><dd>${significant(Math.abs(secant - slope), 2)}</dd></div>
      </dl>
    </div>`;
}

function Errors({ result, state }) {
  const { answer } = result;
  const [sizes, forward, central] = [answer.sizes, answer.forward, answer.central].map(({ data }) => Array.from(data).reverse());
  const power = (exponent) => `10${superscript(exponent)}`;
  const logs = sizes.map(Math.log10);
  const here = Math.log10(Math.abs(state.h));
  const y = [-13, 2];
  const table = { columns: ["h", "error of f(x+h)", "error of f(x±h)"], rows: sizes.map((h, i) => [h, forward[i], central[i]]) };
  return html`
    <${Figure} title="Smaller is better, until it is not" table=${table} result=${result} note=${`at x = ${state.x}`}
      caption="From the right, a smaller h gives a smaller error, and stepping to both sides gains faster. Then f(x + h) and f(x) agree
        in so many of their sixteen digits that the difference has hardly any left, and the error grows again.">
      <${Plot} label="Error of the secant's slope against h, both on scales of powers of ten" x=${[-15, 0]} y=${y} xLabel="h" yLabel="error of the slope" height=${260} xTick=${power} yTick=${power}>
        ${({ sx, sy }) => html`
          <path class="curve one-side" d=${path(logs, forward.map(Math.log10), sx, sy)} />
          <path class="curve both-sides" d=${path(logs, central.map(Math.log10), sx, sy)} />
          <line class="here" x1=${sx(here)} x2=${sx(here)} y1=${sy(y[0])} y2=${sy(y[1])} />`}
      <//>
      <p class="small muted row"><span class="row"><span class="key-line secant-key solid" aria-hidden="true"></span>one side: (f(x + h) − f(x)) / h</span>
        <span class="row"><span class="key-line both-key" aria-hidden="true"></span>both sides: (f(x + h) − f(x − h)) / 2h</span><span>The dotted line is your h.</span></p>
    <//>`;
}

function Weight({ state, setState }) {
  const run = useMicro(state.micro);
  const step = run && nearest(run.steps, state.step);
  const { matrix, row, column, reach } = state;
  const { result, error } = useCompute("weight-slope", run && { micro: run.name, step, matrix, row, column, reach });
  if (!run) return html`<${Figure} title="The loss against one weight"><${NoMicro} /><//>`;
  const answer = result?.answer;
  const shape = run.shapes[matrix];
  const letters = [...run.characters, "BOS"];
  const controls = html`
    <${MicroPicker} value=${run.name} onInput=${(micro) => setState({ micro })} />
    <${StepSlider} steps=${run.steps} value=${step} onInput=${(value) => setState({ step: value })} />
    <div class="columns">
      <${Select} label="Matrix" value=${matrix} options=${Object.entries(run.shapes).map(([name, [rows, columns]]) => [name, `${name} · ${rows} × ${columns}`])}
        onInput=${(name) => setState({ matrix: name, row: 0, column: 0 })} />
      <${Slider} label="to either side" value=${reach} min=${0.05} max=${5} step=${0.05} log=${true} digits=${2} onInput=${(value) => setState({ reach: value })} />
    </div>`;
  const table = answer && { columns: ["weight", "loss"], rows: Array.from(answer.w.data, (w, i) => [w, answer.loss.data[i]]) };
  return html`
    <${Figure} title="The loss against one weight" table=${table} result=${result} note=${answer && `${answer.documents} names`} controls=${controls}
      caption="All other numbers stay as they are; this one is varied and the loss computed anew each time. The tangent is not fitted to
        the curve: it is the gradient that one backward pass gave, for this weight and the 4,191 others at once.">
      ${error && html`<${Trouble}>${error}<//>`}
      ${answer && answer.gradients.shape[0] === shape?.[0] && html`
        <div class=${names("columns", error && "stale")}>
          <${WeightCurve} answer=${answer} reach=${reach} />
          <div class="stack">
            <p class="small muted">Gradients of ${matrix}, all at once: pick a weight.</p>
            <div class="table-scroll"><${Heat} label=${`Gradients of ${matrix}`} values=${answer.gradients} cell=${shape[1] > 20 ? 5 : 11} chosen=${[row, column]}
              onChoose=${(r, c) => (r !== row || c !== column) && setState({ row: r, column: c })} rowNames=${["output", "token"].includes(matrix) ? letters : undefined} /></div>
          </div>
        </div>`}
    <//>`;
}

function WeightCurve({ answer, reach }) {
  const { value, at, gradient, secant } = answer;
  const [ws, losses] = [Array.from(answer.w.data), Array.from(answer.loss.data)];
  const [low, high] = range([...losses, at]);
  const y = [Math.min(low, at - 0.005), Math.max(high, at + 0.005)];
  const x = [value - reach, value + reach];
  return html`
    <div class="stack">
      <${Plot} label="The loss as one weight is varied" x=${x} y=${y} xLabel="weight" yLabel="loss" height=${260}>
        ${({ sx, sy }) => html`<path class="curve" d=${path(ws, losses, sx, sy)} />
          <line class="tangent" x1=${sx(x[0])} y1=${sy(at - gradient * reach)} x2=${sx(x[1])} y2=${sy(at + gradient * reach)} />
          <circle class="handle" cx=${sx(value)} cy=${sy(at)} r="6" />`}
      <//>
      <dl class="readings">
        <div><dt>weight</dt><dd data-name="weight" data-value=${value}>${significant(value, 4)}</dd></div>
        <div><dt>loss</dt><dd data-name="loss" data-value=${at}>${significant(at, 5)}</dd></div>
        <div><dt><span class="key-line tangent-key" aria-hidden="true"></span>gradient</dt><dd data-name="gradient" data-value=${gradient}>${significant(gradient, 4)}</dd></div>
        <div><dt>two points of the curve</dt><dd data-name="secant" data-value=${secant}>${significant(secant, 4)}</dd></div>
      </dl>
    </div>`;
}
