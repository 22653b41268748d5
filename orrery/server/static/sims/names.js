// Simulation 1: the name generator. The same dice, thrown for a model that has learnt nothing and for one that has.
import { useCompute } from "../kit/api.js";
import { Bars } from "../kit/bars.js";
import { Button, NumberBox, Slider, TextInput, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { integer, percent } from "../kit/format.js";
import { html, useEffect, useRef } from "../kit/html.js";
import { reduced } from "../kit/motion.js";
import { useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { MicroPicker, NoMicro, StepSlider, nearest, useMicro } from "./micro.js";
import { likely, row, written } from "./names.model.js";

const DEFAULTS = { micro: "", step: -1, temperature: 0.5, start: "", seed: 1, at: 3 };
const BARS = 6;

export default function Names() {
  const [state, setState] = useUrlState("names", DEFAULTS);
  const ready = useStyle("sims/names.css");
  const run = useMicro(state.micro);
  const step = run && nearest(run.steps, state.step);
  const asked = (at) => run && { micro: run.name, step: at, temperature: state.temperature, start: state.start, seed: state.seed };
  const [before, after] = [useCompute("names", asked(run?.steps[0])), useCompute("names", asked(step))];
  const timer = useRef(0);
  const now = useRef(0);
  now.current = state.at;
  useEffect(() => () => clearInterval(timer.current), []);
  if (!ready) return null;
  if (!run) return html`<${Figure} title="A model that makes up names"><${NoMicro} /><//>`;
  const lengths = [before, after].map(({ result }) => result?.answer.drawn.length ?? 0);
  const most = Math.max(...lengths);
  const at = Math.min(most, Math.max(0, Math.round(state.at)));
  const stop = () => clearInterval(timer.current);
  const play = () => {
    stop();
    if (reduced.value) return setState({ at: most });
    setState({ at: 0 });
    timer.current = setInterval(() => (now.current < most ? setState({ at: now.current + 1 }) : stop()), 450);
    return undefined;
  };
  const set = (changes) => {
    stop();
    setState(changes);
  };
  const table = after.result && before.result && {
    columns: ["number", "untrained", "in the data", `after ${step} steps`, "in the data "],
    rows: after.result.answer.names.map((name, i) => {
      const other = before.result.answer.names[i];
      return [i + 1, other.text, other.seen ? "seen" : "new", name.text, name.seen ? "seen" : "new"];
    }),
  };
  return html`
    <${Figure} title="The same dice, before and after learning" table=${table} result=${after.result}
      caption="Each letter is drawn from the chances that the model gives to all 27 tokens, one of which ends the name. Both models are
        the same program with the same random draws: only their 4,192 numbers differ."
      controls=${html`
        <${MicroPicker} value=${run.name} onInput=${(micro) => set({ micro })} />
        <${StepSlider} steps=${run.steps} value=${step} onInput=${(value) => setState({ step: value })} play=${false} />
        <div class="columns names-controls">
          <${Slider} label="temperature" value=${state.temperature} min=${0.1} max=${3} step=${0.05} log=${true} digits=${2} onInput=${(temperature) => set({ temperature })} />
          <div class="row"><${TextInput} label="Begins with" value=${state.start} onInput=${(start) => set({ start: start.toLowerCase(), at: 0 })} wait=${200} maxLength=${10} />
            <label class="select"><span>Seed of the dice</span><${NumberBox} label="Seed of the dice" value=${state.seed} min=${0} step=${1} digits=${0}
              onInput=${(seed) => set({ seed: Math.round(seed) })} /></label></div>
        </div>
        <div class="row">
          <${Button} onClick=${() => set({ at: at - 1 })} disabled=${at === 0}>Letter back<//>
          <${Button} onClick=${() => set({ at: at + 1 })} disabled=${at >= most}>Next letter<//>
          <${Button} onClick=${play}>Play<//>
          <${Button} kind="primary" onClick=${() => set({ seed: state.seed + 1, at: most })}>New names<//>
        </div>`}>
      <div class="columns">
        <${Side} title="Untrained" asked=${before} start=${state.start} at=${at} />
        <${Side} title=${`After ${integer(step)} steps`} asked=${after} start=${state.start} at=${at} />
      </div>
    <//>`;
}

const visibleToken = (text) => (text === "" ? "end" : text);

function Side({ title, asked, start, at }) {
  const { result, error } = asked;
  if (error) return html`<${Trouble}>${error}<//>`;
  if (!result) return html`<p class="waiting" role="status">Drawing…</p>`;
  const { drawn, chances, tokens, names } = result.answer;
  const shown = Math.min(at, drawn.length);
  const next = Math.min(shown, drawn.length - 1); // the draw that the bars show: the next one, at the end the last
  const text = written(start, drawn, tokens, shown);
  const done = shown === drawn.length;
  const seen = names.filter((name) => name.seen).length;
  const items = likely(row(chances, next), drawn[next], tokens, BARS)
    .map((one) => ({ label: visibleToken(one.text), value: one.chance, mark: one.drawn }));
  return html`
    <div class="stack names-side">
      <div><h4>${title}</h4>
        <p class="names-word"><span data-name="word">${text}</span><span class=${done ? "names-done" : "names-cursor"} aria-hidden="true">${done ? "" : "_"}</span></p>
        <p class="small muted">${done ? (names[0].seen ? "a name of the data" : "a name that is not in the data")
          : html`draw ${next + 1} of ${drawn.length} will be <strong>${visibleToken(tokens[drawn[next]])}</strong>`}</p></div>
      <${Bars} label=${`${title}: chances of the next letter`} max=${1} items=${items} format=${(p) => percent(p)} />
      <ul class="names-list" aria-label=${`${title}: names`}>${names.map((name, i) => html`
        <li key=${i} class=${name.seen ? "seen" : ""}><span>${name.text || "(empty)"}</span> <small>${name.seen ? "seen" : "new"}</small></li>`)}</ul>
      <p class="small muted number"><span data-name="seen" data-value=${seen}>${seen}</span> of ${names.length} are in the data that it read.</p>
    </div>`;
}
