// The arena: two models answer without their names, you vote, then you are told who they were.
import { get, post } from "../kit/api.js";
import { Button, Slider, TextInput, Toggle, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { number, percent } from "../kit/format.js";
import { html, names, useEffect, useRef, useState } from "../kit/html.js";
import { useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { at, chance, scale } from "./arena/arena.model.js";

const DEFAULTS = { out: "", temperature: 0, seed: 0 };
const CHOICES = [["left", "The left one"], ["right", "The right one"], ["tie", "Both are good"], ["bad", "Both are bad"]];

export default function Arena() {
  const ready = useStyle("pages/arena/arena.css");
  const [state, setState] = useUrlState("arena", DEFAULTS);
  const list = useModels("assistant");
  const [table, setTable] = useState(null);
  const [prompt, setPrompt] = useState("");
  const [battle, setBattle] = useState(null); // {prompt, battle, left, right, names, choice}
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const control = useRef(null);
  const wish = () => get("/api/rankings").then((rankings) => setPrompt(rankings.prompt), () => {});
  useEffect(() => {
    get("/api/arena").then(setTable, (problem) => setError(problem.message));
    wish();
    return () => control.current?.abort();
  }, []);
  if (!ready) return null;
  const out = state.out.split(",");
  const playing = list?.filter((model) => !out.includes(model.name)).map((model) => model.name) ?? [];

  async function ask() {
    control.current?.abort();
    control.current = new AbortController();
    setBusy(true);
    setError(null);
    setBattle(null);
    try {
      const sampling = { temperature: state.temperature, seed: state.seed + (table?.votes ?? 0), max_tokens: 128 };
      const answers = await post("/api/arena/battles", { models: playing, prompt, sampling }, { signal: control.current.signal });
      setBattle({ ...answers, prompt });
    } catch (problem) {
      if (problem.name === "AbortError") return;
      setError(problem.message);
    }
    setBusy(false);
  }

  async function vote(choice) {
    setBusy(true);
    try {
      const told = await post(`/api/arena/battles/${battle.battle}/vote`, { choice });
      setBattle({ ...battle, names: told, choice });
      setTable(told.table);
    } catch (problem) {
      setError(problem.message);
    }
    setBusy(false);
  }

  const swap = (name, plays) => setState({ out: (plays ? out.filter((one) => one !== name) : [...out, name]).filter(Boolean).join(",") });
  return html`
    <div class="wide">
      <div class="page-head"><div><h1>Arena</h1>
        <p>Two of your models answer the same prompt, drawn and without their names. Vote for what you read; the names come after the vote, and the table grows with every one.</p></div></div>
      ${list && list.length < 2 && html`<p class="empty">It takes two assistants: <a href=${href("start")}>a run makes them</a>, by SFT, DPO, PPO or GRPO.</p>`}
      <div class="stack">
        <div class="arena-asked">
          <${TextInput} label="Prompt" value=${prompt} onInput=${setPrompt} maxLength=${2000} onEnter=${() => prompt.trim() && playing.length > 1 && !busy && ask()} />
          <${Button} kind=${battle && !battle.names ? undefined : "primary"} disabled=${busy || playing.length < 2 || !prompt.trim()} onClick=${ask}>Ask both<//>
        </div>
        ${error && html`<${Trouble}>${error}<//>`}
        ${busy && !battle && html`<p class="waiting" role="status">Both write…</p>`}
        ${battle && html`<${Battle} battle=${battle} busy=${busy} onVote=${vote} />`}
      </div>
      ${table && html`<${Table} table=${table} />`}
      <details class="arena-settings small">
        <summary>Who plays, and how they write</summary>
        <div class="columns">
          <div class="stack">${list?.map((model) => html`<${Toggle} key=${model.name} label=${model.name} value=${!out.includes(model.name)} onInput=${(plays) => swap(model.name, plays)} />`)}</div>
          <${Slider} label="temperature" value=${state.temperature} min=${0} max=${2} step=${0.05} digits=${2} onInput=${(temperature) => setState({ temperature })} />
        </div>
      </details>
    </div>`;
}

/** Two answers and the vote on them. */
function Battle({ battle, busy, onVote }) {
  const box = useRef(null);
  useEffect(() => box.current?.focus(), [battle.battle]);
  const won = { left: battle.choice === "left" || battle.choice === "tie", right: battle.choice === "right" || battle.choice === "tie" };
  return html`
    <section class="stack" aria-label="Battle" tabindex="-1" ref=${box}>
      <div class="arena-answers">
        ${["left", "right"].map((side) => html`
          <article key=${side} class=${names("panel", won[side] && "won")} aria-label=${side === "left" ? "Left answer" : "Right answer"}>
            <h2>${battle.names ? battle.names[side] : side === "left" ? "Left" : "Right"}</h2>
            <p class="arena-answer">${battle[side].trim() || html`<span class="muted">(it says nothing)</span>`}</p>
          </article>`)}
      </div>
      ${battle.names
        ? html`<p class="small muted" role="status">Left was <strong>${battle.names.left}</strong>, right was <strong>${battle.names.right}</strong>. Your vote counts.</p>`
        : html`<div class="row" role="group" aria-label="Which one is better?">${CHOICES.map(([choice, text]) => html`
            <${Button} key=${choice} disabled=${busy} onClick=${() => onVote(choice)}>${text}<//>`)}</div>`}
    </section>`;
}

/** The standings, as points with their intervals. */
function Table({ table: { votes, standings } }) {
  if (!votes) return html`<p class="empty arena-empty">No vote yet. After some twenty the intervals begin to say something.</p>`;
  const range = scale(standings);
  const rows = {
    columns: ["model", "rating", "from", "to", "Elo", "Elo from", "Elo to", "votes", "won"],
    rows: standings.map((one) => [one.name, one.rating, one.low, one.high, one.elo, one.elo_low, one.elo_high, one.votes, one.score]),
  };
  const [best, next] = standings;
  return html`
    <${Figure} title="Standings" table=${rows} note=${`${votes} ${votes === 1 ? "vote" : "votes"}`} result=${{ shows: "orrery.evals.ratings.bradley_terry" }}
      caption=${`A point is the rating at which the votes are likeliest (Bradley–Terry), the line its 95% interval. Where two lines overlap, nothing is settled.${next
        ? ` If the ratings were exact, ${best.name} would win ${percent(chance(best.rating, next.rating), 0)} of its battles with ${next.name}.` : ""}`}>
      <ol class="arena-table">
        <li class="arena-row head" aria-hidden="true"><span></span><span></span><span class="number">rating</span><span class="number">Elo</span><span class="number">votes</span></li>
        ${standings.map((one) => html`
          <li key=${one.name} class="arena-row" data-model=${one.name}>
            <span>${one.name}</span>
            <span class="arena-line" aria-hidden="true"><span class="arena-middle" style=${{ left: `${at(1000, range)}%` }}></span>
              <span class="arena-interval" style=${{ left: `${at(one.low, range)}%`, width: `${at(one.high, range) - at(one.low, range)}%` }}></span>
              <span class="arena-point" style=${{ left: `${at(one.rating, range)}%` }}></span></span>
            <span class="number" data-name="rating" data-value=${one.rating}>${number(one.rating, 0)}
              <small class="muted">${number(one.low - one.rating, 0)} +${number(one.high - one.rating, 0)}</small></span>
            <span class="number" data-name="elo" data-value=${one.elo}>${number(one.elo, 0)}</span>
            <span class="number">${one.votes}</span>
          </li>`)}
      </ol>
    <//>`;
}
