// Simulation 17: four lanes. One prompt and one seed, several generations of one model; where they part, and what one
// of them thinks of another's answer.
import { post, stream } from "../kit/api.js";
import { Button, Select, Slider, TextInput, NumberBox, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { Lane } from "./lanes.lane.js";
import { differences, firstDifference, firstLanes } from "./lanes.model.js";

const DEFAULTS = { models: "", prompt: "What is 12 times 7?", temperature: 0, seed: 0, tokens: 60, reference: 1, judge: "" };
const CAPTION = "The base model goes on with the text, the others answer; where a lane first says something else than the one it is compared with, its token is framed. "
  + "A second model can read all answers: orange tokens it finds less likely than their writer did, blue ones more.";
const MOST = 6;
const EMPTY = { tokens: [], results: [], done: null, error: null };

export default function Lanes({ models: given }) {
  const ready = useStyle("sims/lanes.css");
  const [state, setState] = useUrlState("lanes", { ...DEFAULTS, models: given?.join(",") ?? "" });
  const list = useModels("base", "assistant");
  const [lanes, setLanes] = useState({});
  const [asked, setAsked] = useState(null); // what the answers on the screen were asked with
  const [scores, setScores] = useState({});
  const [error, setError] = useState(null);
  const running = useRef(null);
  const known = (name) => list?.some((model) => model.name === name);
  const chosen = [...new Set(state.models.split(","))].filter(known); // a model has one lane
  const names = chosen.length ? chosen : list ? firstLanes(list) : [];
  useEffect(() => () => running.current?.abort(), []);
  useEffect(() => {
    if (names.length && asked === null) run();
  }, [names.length > 0]);
  useEffect(() => judge(), [state.judge, asked]);
  if (!ready) return null;
  if (list?.length === 0) return html`<p class="empty">There is no model yet to ask: <a href=${href("start")}>a run makes one</a>.</p>`;

  async function run() {
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    const now = Object.fromEntries(names.map((name) => [name, { ...EMPTY }]));
    setLanes(now);
    setScores({});
    setError(null);
    const question = { prompt: state.prompt, sampling: { temperature: state.temperature, seed: state.seed, max_tokens: state.tokens } };
    setAsked({ ...question, names, running: true });
    let waiting = 0;
    const show = () => {
      waiting = 0;
      if (running.current === control) setLanes({ ...now });
    };
    try {
      await stream("/api/lanes", { ...question, models: names, top: 5 }, ({ lane, event }) => {
        const old = now[names[lane]];
        if (event.type === "token") now[names[lane]] = { ...old, tokens: [...old.tokens, event] };
        else if (event.type === "tool") now[names[lane]] = { ...old, results: [...old.results, { at: old.tokens.length, text: event.text }] };
        else if (event.type === "done") now[names[lane]] = { ...old, done: event };
        else now[names[lane]] = { ...old, error: event.message };
        waiting ||= requestAnimationFrame(show); // however many tokens come between two frames
      }, { signal: control.signal });
    } catch (problem) {
      if (problem.name === "AbortError") return;
      setError(problem.message);
    }
    cancelAnimationFrame(waiting);
    show();
    if (running.current === control) setAsked({ ...question, names, running: false });
  }

  /** Let the chosen model read the answers of all others. */
  function judge() {
    const control = new AbortController();
    if (!state.judge || !asked || asked.running || !known(state.judge)) return setScores({}), undefined;
    for (const name of asked.names.filter((one) => lanes[one]?.done?.ids.length)) {
      const { ids, mask } = lanes[name].done;
      post("/api/lanes/score", { model: state.judge, writer: name, prompt: asked.prompt, ids, mask, top: 5 }, { signal: control.signal }).then(
        (scored) => setScores((old) => ({ ...old, [name]: { tokens: scored.tokens } })),
        (problem) => problem.name !== "AbortError" && setScores((old) => ({ ...old, [name]: { error: problem.message } })),
      );
    }
    return () => control.abort();
  }

  const reference = names[Math.min(state.reference, names.length - 1)];
  const busy = asked?.running ?? false;
  const shown = names.map((name) => {
    const lane = lanes[name] ?? EMPTY;
    const scored = scores[name];
    return {
      name, lane, scored, isReference: name === reference, waits: busy && asked.names.includes(name),
      parts: name === reference || !lane.done || !lanes[reference]?.done ? null : firstDifference(lanes[reference].tokens, lane.tokens),
      deltas: scored?.tokens ? differences(lane.tokens, scored.tokens) : null,
    };
  });
  const table = {
    columns: ["model", "place", "token", "id", "log-probability", ...(state.judge ? [`by ${state.judge}`, "difference"] : [])],
    rows: shown.flatMap(({ name, lane, scored, deltas }) => lane.tokens.map((token, i) => [
      name, i, token.text, token.id, token.logprob, ...(state.judge ? [scored?.tokens?.[i]?.logprob ?? "–", deltas?.[i] ?? "–"] : []),
    ])),
  };
  const change = (index, name) => setState({ models: (name ? names.with(index, name) : names.toSpliced(index, 1)).join(",") });
  const more = list?.find((model) => !names.includes(model.name));
  return html`
    <${Figure} title="One prompt, one seed, several generations of a model" table=${table} result=${{ shows: "orrery.server.studio.lanes.lane" }}
      caption=${CAPTION}
      controls=${html`
        <div class="lanes-asked">
          <${TextInput} label="Prompt" value=${state.prompt} onInput=${(prompt) => setState({ prompt })} maxLength=${2000} onEnter=${run} />
          <${Button} kind="primary" disabled=${!state.prompt.trim() || !names.length} onClick=${run}>${busy ? "Ask anew" : "Ask all"}<//>
        </div>
        <div class="lanes-settings">
          <${Slider} label="temperature" value=${state.temperature} min=${0} max=${2} step=${0.05} digits=${2} onInput=${(temperature) => setState({ temperature })} />
          <div class="lanes-seed"><span aria-hidden="true">Seed</span>
            <${NumberBox} label="Seed" value=${state.seed} min=${0} step=${1} digits=${0} onInput=${(seed) => setState({ seed: Math.round(seed) })} /></div>
          <${Select} label="Compared with" value=${reference} options=${names.map((name) => [name, name])}
            onInput=${(name) => setState({ reference: names.indexOf(name) })} />
          <${Select} label="Read by" value=${known(state.judge) ? state.judge : ""} options=${[["", "nobody else"], ...(list ?? []).map((model) => [model.name, model.name])]}
            onInput=${(reader) => setState({ judge: reader })} />
        </div>`}>
      ${error && html`<${Trouble}>${error}<//>`}
      <div class="lanes">
        ${shown.map((one, index) => html`<${Lane} key=${`${index} ${one.name}`} ...${one} judge=${state.judge}
          list=${list?.filter((model) => model.name === one.name || !names.includes(model.name))}
          onModel=${(name) => change(index, name)} onRemove=${names.length > 1 ? () => change(index, null) : null} />`)}
      </div>
      ${more && names.length < MOST && html`<${Button} kind="quiet" onClick=${() => setState({ models: [...names, more.name].join(",") })}>Add a lane<//>`}
    <//>`;
}
