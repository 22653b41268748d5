// Simulation 4: gradient descent. A ball on a curve, on a map, and on the loss of a real model.
import { useCompute } from "../kit/api.js";
import { Button, NumberBox, Segmented, Select, Slider, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { significant } from "../kit/format.js";
import { html, names, useEffect, useRef } from "../kit/html.js";
import { reduced } from "../kit/motion.js";
import { useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { next, way } from "./descent.model.js";
import { Map } from "./map.js";
import { MicroPicker, NoMicro, StepSlider, nearest, useMicro } from "./micro.js";
import { Handle, Plot } from "./plot.js";
import { path, range } from "./plot.model.js";

const DEFAULTS = {
  view: "curve", curve: "x^2", map: "x^2/4 + 2*y^2", x: 2.5, y: 1.5, rate: 0.15, at: 6,
  micro: "", step: 100, directions: "gradient", seed: 1, reach: 3, sliceRate: 1,
};
const CURVES = ["x^2", "x^4/4 - x^2 + x/3", "relu(x) + relu(-x)", "x^2/20 + tanh(4*x - 2)"];
const MAPS = ["x^2/4 + 2*y^2", "x^2 + y^2", "x^2 - y^2/2 + y^4/8", "(1 - x)^2/4 + (y - x^2/2)^2"];
const PRESETS = [["It arrives", 0.15], ["It swings", 0.9], ["It flies away", 1.05]];
const MAP_PRESETS = [["It rolls", 0.15], ["It swings", 0.46], ["It flies away", 0.51]];
const STEPS = 40;
const REACH = 3;

/** `only`: "curve", "map" or "model", without the choice between them. */
export default function Descent({ only }) {
  const [state, setState] = useUrlState("descent", DEFAULTS);
  const ready = useStyle("sims/descent.css");
  if (!ready) return null;
  const view = only ?? state.view;
  const View = { curve: OnCurve, map: OnMap, model: OnModel }[view] ?? OnCurve;
  return html`
    ${!only && html`<${Segmented} label="What it rolls on" value=${state.view} options=${[["curve", "One number"], ["map", "Two numbers"], ["model", "A model's loss"]]}
      onInput=${(chosen) => setState({ view: chosen })} />`}
    <${View} key=${view} state=${state} setState=${setState} />`;
}

/** A step of a way, whatever the address says. */
const placeIn = (at, length) => Math.min(length, Math.max(0, Math.round(at)));

/** Stepping: buttons and a timer over `length` places. */
function Steps({ at, length, setState, children }) {
  const timer = useRef(0);
  const now = useRef(at);
  now.current = at;
  const stop = () => clearInterval(timer.current);
  useEffect(() => stop, []);
  const play = () => {
    stop();
    if (reduced.value) return setState({ at: length });
    setState({ at: 0 });
    timer.current = setInterval(() => (now.current < length ? setState({ at: now.current + 1 }) : stop()), 250);
    return undefined;
  };
  const go = (to) => {
    stop();
    setState({ at: to });
  };
  return html`
    <div class="row">
      <${Button} onClick=${() => go(Math.max(0, at - 1))} disabled=${at === 0}>Back<//>
      <${Button} kind="primary" onClick=${() => go(at + 1)} disabled=${at >= length}>One step<//>
      <${Button} onClick=${play}>Roll<//>
      <${Button} kind="quiet" onClick=${() => go(0)}>To the start<//>
      ${children}
    </div>`;
}

function Readings({ steps, rate, verdict }) {
  const { place, loss, gradient } = steps[steps.length - 1];
  const show = (numbers) => numbers.map((one) => significant(one, 4)).join(", ");
  return html`
    <dl class="readings" aria-live="polite">
      <div><dt>after ${steps.length - 1} steps at</dt><dd data-name="place" data-value=${place.join(",")}>${show(place)}</dd></div>
      <div><dt>loss</dt><dd data-name="loss" data-value=${loss}>${significant(loss, 4)}</dd></div>
      <div><dt>gradient</dt><dd data-name="gradient" data-value=${gradient.join(",")}>${show(gradient)}</dd></div>
      <div><dt>next step</dt><dd>${show(gradient.map((one) => -rate * one))}</dd></div>
      <div><dt>in ${STEPS} steps it</dt><dd data-name="verdict">${verdict}</dd></div>
    </dl>`;
}

const tableOf = (steps) => ({
  columns: ["step", "place", "loss", "gradient"],
  rows: steps.map(({ place, loss, gradient }, i) => [i, place.map((one) => significant(one, 5)).join(", "), loss, gradient.map((one) => significant(one, 5)).join(", ")]),
});

function OnCurve({ state, setState }) {
  const { result, error } = useCompute("descent", { expression: state.curve, start: [state.x], rate: state.rate, steps: STEPS, reach: REACH });
  const answer = result?.answer;
  const fits = answer && answer.places.shape[1] === 1;
  const length = fits ? answer.losses.data.length - 1 : 0;
  const steps = fits ? way(answer, placeIn(state.at, length)) : null;
  return html`
    <${Figure} title="A ball that only knows the slope where it lies" table=${steps && tableOf(steps)} result=${result}
      caption="Each step goes against the slope, and as far as the learning rate times the slope. The dashed circle is where the next step would lead; pick another start by dragging."
      controls=${html`
        <div class="columns">
          <${Select} label="Loss" value=${state.curve} options=${CURVES.map((one) => [one, one])} onInput=${(curve) => setState({ curve })} />
          <${Slider} label="learning rate" value=${state.rate} min=${0.01} max=${2} step=${0.01} log=${true} digits=${3} onInput=${(rate) => setState({ rate })} />
        </div>
        <${Steps} at=${placeIn(state.at, length)} length=${length} setState=${setState}>
          ${PRESETS.map(([name, rate]) => html`<${Button} key=${name} kind="quiet" onClick=${() => setState({ curve: "x^2", x: 2.5, rate, at: 6 })}>${name}<//>`)}
        <//>`}>
      ${error && html`<${Trouble}>${error}<//>`}
      ${steps && html`<div class=${names("stack", error && "stale")}><${Curve} answer=${answer} steps=${steps} state=${state} setState=${setState} />
        <${Readings} steps=${steps} rate=${state.rate} verdict=${answer.verdict} /></div>`}
    <//>`;
}

function Curve({ answer, steps, state, setState }) {
  const [xs, ys] = [Array.from(answer.axis.data), Array.from(answer.values.data)];
  const { place: [x], loss, gradient } = steps[steps.length - 1];
  const [to] = next([x], gradient, state.rate);
  const start = (value) => setState({ x: Number(Math.min(REACH, Math.max(-REACH, value)).toFixed(2)) });
  const height = (at) => ys[Math.round(((at + REACH) / (2 * REACH)) * (ys.length - 1))];
  return html`
    <${Plot} label=${`The curve of ${state.curve} with the ball's way`} x=${[-REACH, REACH]} y=${range(ys)} xLabel="weight" yLabel="loss" onPoint=${start}>
      ${({ sx, sy }) => html`
        <path class="curve" d=${path(xs, ys, sx, sy)} />
        <path class="trail" d=${path(steps.map((one) => one.place[0]), steps.map((one) => one.loss), sx, sy)} />
        ${steps.slice(0, -1).map((one, i) => html`<circle key=${i} class="trail-dot" cx=${sx(one.place[0])} cy=${sy(one.loss)} r="3.5" />`)}
        ${Math.abs(to) <= REACH && html`<circle class="ghost" cx=${sx(to)} cy=${sy(height(to))} r="8" />`}
        <line class="tangent" x1=${sx(x - 0.6)} y1=${sy(loss - 0.6 * gradient[0])} x2=${sx(x + 0.6)} y2=${sy(loss + 0.6 * gradient[0])} />
        <${Handle} cx=${sx(x)} cy=${sy(loss)} label="the ball; arrow keys move its start" value=${state.x} text=${`starts at ${state.x}, now at ${significant(x, 3)}`}
          onMove=${(dx) => start(state.x + 0.05 * dx)} />`}
    <//>`;
}

/** A map with the ball's way, shared by the two views in two dimensions. */
function Way({ answer, steps, rate, label, sides, move }) {
  const axis = Array.from(answer.axis.data);
  const most = axis[axis.length - 1];
  const { place, gradient } = steps[steps.length - 1];
  const to = next(place, gradient, rate);
  const from = steps[0].place;
  const start = (x, y) => move(...[x, y].map((one) => Number(Math.min(most, Math.max(-most, one)).toFixed(2))));
  return html`
    <${Map} label=${label} axis=${axis} values=${answer.values} xLabel=${sides[0]} yLabel=${sides[1]} onPoint=${start}>
      ${({ sx, sy }) => html`
        <path class="trail" d=${path(steps.map((one) => one.place[0]), steps.map((one) => one.place[1]), sx, sy)} />
        ${steps.slice(0, -1).map((one, i) => html`<circle key=${i} class="trail-dot" cx=${sx(one.place[0])} cy=${sy(one.place[1])} r="3" />`)}
        <circle class="ghost" cx=${sx(to[0])} cy=${sy(to[1])} r="8" />
        <${Handle} cx=${sx(place[0])} cy=${sy(place[1])} label="the ball; arrow keys move its start" value=${from[0]} text=${`starts at ${from.join(", ")}`}
          onMove=${(dx, dy) => start(from[0] + (dx * most) / 40, from[1] + (dy * most) / 40)} />`}
    <//>`;
}

function OnMap({ state, setState }) {
  const { result, error } = useCompute("descent", { expression: state.map, start: [state.x, state.y], rate: state.rate, steps: STEPS, reach: REACH });
  const answer = result?.answer;
  const fits = answer && answer.places.shape[1] === 2;
  const length = fits ? answer.losses.data.length - 1 : 0;
  const steps = fits ? way(answer, placeIn(state.at, length)) : null;
  return html`
    <${Figure} title="Two weights at once" table=${steps && tableOf(steps)} result=${result}
      caption="The stronger the blue, the higher. In a ravine one rate must serve both directions: what is right along it is too much across,
        so the ball swings from side to side while it hardly comes forward."
      controls=${html`
        <div class="columns">
          <${Select} label="Loss" value=${state.map} options=${MAPS.map((one) => [one, one])} onInput=${(map) => setState({ map })} />
          <${Slider} label="learning rate" value=${state.rate} min=${0.01} max=${2} step=${0.01} log=${true} digits=${3} onInput=${(rate) => setState({ rate })} />
        </div>
        <${Steps} at=${placeIn(state.at, length)} length=${length} setState=${setState}>
          ${MAP_PRESETS.map(([name, rate]) => html`<${Button} key=${name} kind="quiet" onClick=${() => setState({ map: MAPS[0], x: 2.5, y: 1.5, rate, at: 12 })}>${name}<//>`)}
        <//>`}>
      ${error && html`<${Trouble}>${error}<//>`}
      ${steps && html`<div class=${names("stack", error && "stale")}><div class="descent-map"><${Way} answer=${answer} steps=${steps} rate=${state.rate}
          label=${`A map of ${state.map} with the ball's way`} sides=${["x", "y"]} move=${(x, y) => setState({ x, y })} /></div>
        <${Readings} steps=${steps} rate=${state.rate} verdict=${answer.verdict} /></div>`}
    <//>`;
}

const WHAT = {
  gradient: ["the way training would go", "a random direction"],
  random: ["one random direction", "another"],
  "random, scaled": ["one random direction, scaled", "another"],
};

const SUITS = { gradient: { reach: 3, sliceRate: 1 }, random: { reach: 3, sliceRate: 20 }, "random, scaled": { reach: 1, sliceRate: 0.1 } };

function OnModel({ state, setState }) {
  const run = useMicro(state.micro);
  const step = run && nearest(run.steps, state.step);
  const { directions, seed, reach, sliceRate } = state;
  const start = [state.x, state.y].map((one) => Number(Math.min(reach, Math.max(-reach, one)).toFixed(2)));
  const { result, error, busy } = useCompute("loss-slice", run && { micro: run.name, step, directions, seed, reach, start, rate: sliceRate, steps: STEPS });
  if (!run) return html`<${Figure} title="A slice of a real loss"><${NoMicro} /><//>`;
  const answer = result?.answer;
  const length = answer ? answer.losses.data.length - 1 : 0;
  const steps = answer && way(answer, placeIn(state.at, length));
  return html`
    <${Figure} title="A slice of a real loss" table=${steps && tableOf(steps)} result=${result} note="16 names"
      caption="The stronger the blue, the higher the loss. The model has 4,192 weights; this plane goes through them along two directions, and the
        model itself lies in its middle. One unit is a tenth of the length of all weights, or with scaled directions each row's own length; what looks smooth here says
        little about the other 4,190 directions."
      controls=${html`
        <${MicroPicker} value=${run.name} onInput=${(micro) => setState({ micro })} />
        <${StepSlider} steps=${run.steps} value=${step} onInput=${(value) => setState({ step: value })} play=${false} />
        <div class="columns">
          <div class="row descent-seed">
            <${Select} label="Directions" value=${directions} onInput=${(chosen) => setState({ directions: chosen, ...SUITS[chosen] })}
              options=${[["gradient", "the gradient and a random one"], ["random", "two random ones"], ["random, scaled", "two random ones, scaled by rows"]]} />
            <label class="select"><span>Seed</span><${NumberBox} label="Seed of the directions" value=${seed} min=${0} step=${1} digits=${0}
              onInput=${(value) => setState({ seed: Math.abs(Math.round(value)) })} /></label>
          </div>
          <div class="stack">
            <${Slider} label="learning rate" value=${sliceRate} min=${0.01} max=${100} step=${0.01} log=${true} digits=${2} onInput=${(value) => setState({ sliceRate: value })} />
            <${Slider} label="to either side" value=${reach} min=${0.2} max=${10} step=${0.1} log=${true} digits=${1} onInput=${(value) => setState({ reach: value })} />
          </div>
        </div>
        <${Steps} at=${placeIn(state.at, length)} length=${length} setState=${setState} />`}>
      ${error && html`<${Trouble}>${error}<//>`}
      ${steps && html`<div class=${names("stack", error && "stale")} aria-busy=${busy}><div class="descent-map"><${Way} answer=${answer} steps=${steps} rate=${sliceRate}
          label="The loss in a plane through the weights, with the ball's way" sides=${WHAT[directions] ?? WHAT.random} move=${(x, y) => setState({ x, y })} /></div>
        <${Readings} steps=${steps} rate=${sliceRate} verdict=${answer.verdict} /></div>`}
    <//>`;
}
