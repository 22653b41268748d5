// How answers are written, and the chats that there are.
import { get } from "../../kit/api.js";
import { NumberBox, Slider, TextInput } from "../../kit/controls.js";
import { ago } from "../../kit/format.js";
import { html, names, useEffect, useState } from "../../kit/html.js";
import { href } from "../../kit/route.js";

/** The settings, as the address holds them. */
export const DEFAULTS = { model: "", system: "", temperature: 0, top_p: 1, top_k: 0, max_tokens: 256, seed: 0 };

/** What a request takes of them. */
export const howOf = (state, model, top) => ({
  model, system: state.system || null, top,
  sampling: { temperature: state.temperature, top_p: state.top_p, top_k: state.top_k, max_tokens: state.max_tokens, seed: state.seed },
});

/** System message and sampling. */
export function Settings({ state, setState }) {
  return html`
    <details class="chat-settings" open=${matchMedia("(min-width: 1100px)").matches}>
      <summary>How it answers</summary>
      <div class="stack">
        <${Slider} label="temperature" value=${state.temperature} min=${0} max=${2} step=${0.05} digits=${2} onInput=${(temperature) => setState({ temperature })} />
        <p class="muted small">${state.temperature === 0 ? "0: always the likeliest token, so the same question gets the same answer." : "Each answer is drawn with another seed."}</p>
        <${Slider} label="top p" value=${state.top_p} min=${0.05} max=${1} step=${0.05} digits=${2} onInput=${(top_p) => setState({ top_p })} />
        <${Slider} label="top k" value=${state.top_k} min=${0} max=${100} step=${1} digits=${0} onInput=${(top_k) => setState({ top_k: Math.round(top_k) })} />
        <div class="row chat-numbers">
          <${Whole} label="most tokens" value=${state.max_tokens} min=${1} onInput=${(max_tokens) => setState({ max_tokens })} />
          <${Whole} label="seed" value=${state.seed} min=${0} onInput=${(seed) => setState({ seed })} />
        </div>
        <${TextInput} label="System message" rows=${2} value=${state.system} onInput=${(system) => setState({ system })} wait=${200} maxLength=${4000} placeholder="none" />
      </div>
    </details>`;
}

/** A whole number, with its name above. */
function Whole({ label, value, min, onInput }) {
  return html`<div><span class="muted" aria-hidden="true">${label}</span>
    <${NumberBox} label=${label} value=${value} min=${min} step=${1} digits=${0} onInput=${(given) => onInput(Math.max(min, Math.round(given)))} /></div>`;
}

/** All chats, the latest first. `changed`: a value that changes when they are to be read again. */
export function Chats({ here, changed }) {
  const [list, setList] = useState(null);
  useEffect(() => {
    get("/api/chats").then(setList, () => {});
  }, [changed]);
  return html`
    <nav class="chat-list" aria-label="Chats">
      <h2>Chats</h2>
      ${list?.length === 0 && html`<p class="empty">Those that you begin are kept here, beside those of <code>orrery chat</code>.</p>`}
      <ul>${list?.map((one) => html`
        <li key=${one.id}><a href=${href(`chat/${one.id}`)} class=${names(one.id === here && "here")} aria-current=${one.id === here ? "page" : undefined}>
          <span class="chat-title">${one.title}</span><small class="muted">${one.model} · ${ago(one.latest)}</small></a></li>`)}</ul>
    </nav>`;
}
