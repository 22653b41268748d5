// The ledger: what people say about language models, measured; all claims, or one of them.
import { get } from "../kit/api.js";
import { Button, Segmented, TextInput, Trouble, Waiting } from "../kit/controls.js";
import { Source } from "../kit/code.js";
import { Figure, Table } from "../kit/figure.js";
import { duration } from "../kit/format.js";
import { html, useEffect, useState } from "../kit/html.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";

const VERDICTS = [["", "All"], ["holds", "Holds"], ["refuted", "Refuted"], ["unclear", "Unclear"], ["none", "Not measured"]];
const MEANING = {
  holds: "The rule, written down before the experiment, says that it holds.",
  refuted: "The rule, written down before the experiment, says that it does not hold.",
  unclear: "The rule decides neither way, or the seeds differ.",
  none: "Nobody has measured it on this machine.",
};

export default function Ledger({ parts }) {
  if (!useStyle("pages/ledger.css")) return null;
  return parts[0] ? html`<${Claim} key=${parts[0]} name=${parts[0]} />` : html`<${Listing} />`;
}

/** A verdict as a small label. */
export function Verdict({ verdict }) {
  return html`<span class=${`verdict ${verdict ?? "none"}`} data-verdict=${verdict ?? "none"}>${verdict ?? "not measured"}</span>`;
}

/** What an address answers: {value, error}. */
function useGet(path) {
  const [state, setState] = useState({});
  useEffect(() => {
    const control = new AbortController();
    get(path, { signal: control.signal }).then(
      (value) => setState({ value }),
      (error) => error.name !== "AbortError" && setState({ error: error.message }),
    );
    return () => control.abort();
  }, [path]);
  return state;
}

function Listing() {
  const { value: entries, error } = useGet("/api/ledger");
  const [state, setState] = useUrlState("ledger", { verdict: "", words: "" });
  const wanted = state.words.toLowerCase().split(/\s+/);
  const shown = (entries ?? []).filter((one) => (!state.verdict || (one.verdict ?? "none") === state.verdict)
    && wanted.every((word) => `${one.name} ${one.says} ${one.source}`.toLowerCase().includes(word)));
  const count = (verdict) => (entries ?? []).filter((one) => !verdict || (one.verdict ?? "none") === verdict).length;
  return html`
    <div class="wide">
      <div class="page-head"><div><h1>The ledger</h1>
        <p>Things that people say about language models, measured. What would decide each of them was written down before the experiment ran, and the verdict follows
          from that rule.</p></div></div>
      <div class="row ledger-filter">
        <${Segmented} label="Verdict" value=${state.verdict} onInput=${(verdict) => setState({ verdict })}
          options=${VERDICTS.filter(([verdict]) => !verdict || count(verdict)).map(([verdict, text]) => [verdict, `${text} ${entries ? count(verdict) : ""}`])} />
        <${TextInput} label="Words in it" value=${state.words} onInput=${(words) => setState({ words })} />
      </div>
      ${error && html`<${Trouble}>${error}<//>`}
      ${!entries && !error && html`<${Waiting} what="Reading the ledger" />`}
      ${entries && html`<p class="hidden-visually" role="status">${shown.length} claims</p>`}
      <ul class="claims">${shown.map((one) => html`
        <li key=${one.name}><a href=${href(`ledger/${one.name}`)}>
          <${Verdict} verdict=${one.verdict} />
          <span><strong>${one.says}</strong><br /><span class="muted small">${one.source}</span></span>
        </a></li>`)}</ul>
      ${entries && !shown.length && html`<p class="empty">No claim is like that. Take a word out, or choose another verdict.</p>`}
    </div>`;
}

function Claim({ name }) {
  const { value: page, error } = useGet(`/api/ledger/${encodeURIComponent(name)}`);
  useEffect(() => {
    if (page) document.title = `${page.entry.says} – Orrery`;
  }, [page]);
  if (error) return html`<div class="narrow"><h1>The ledger</h1><${Trouble}>${error}<//><p><a href=${href("ledger")}>← All claims</a></p></div>`;
  if (!page) return html`<div class="narrow"><${Waiting} what="Reading the claim" /></div>`;
  const { entry, rule, refuted_by: against, module } = page;
  const kind = entry.verdict ?? "none";
  return html`
    <div class="wide claim">
      <p class="small"><a href=${href("ledger")}>← All claims</a></p>
      <div class="page-head"><div><h1>“${entry.says}”</h1>
        <p>Said by: ${entry.source}.</p></div></div>
      <div class="claim-verdict panel"><${Verdict} verdict=${entry.verdict} /><p>${MEANING[kind]}</p></div>
      <dl class="claim-rule">
        <div><dt>The rule</dt><dd>${rule}</dd></div>
        <div><dt>Against it would speak</dt><dd>${against[0].toUpperCase()}${against.slice(1)}.</dd></div>
      </dl>
      ${entry.verdict ? html`<${Measured} page=${page} />` : html`<${NotMeasured} />`}
      <${Again} page=${page} />
      <section><h2>The experiment</h2>
        <p class="muted">One file: what is done, what is counted, and the rule as code.</p>
        <${Source} name=${module} /></section>
    </div>`;
}

function Measured({ page }) {
  const { entry, measured, samples, machine } = page;
  const seeds = Object.keys(measured);
  const names = Object.keys(measured[seeds[0]]);
  const rows = names.map((name) => [name, ...seeds.map((seed) => measured[seed][name] ?? null)]);
  const where = entry.where === "here" ? "measured in this folder of runs" : "published with the package’s repository";
  return html`
    <section><h2>What came out</h2>
      <${Figure} title=${`${seeds.length} seed${seeds.length === 1 ? "" : "s"}, each a world and a model of its own`}
        note=${`${where} · ${machine} · ${duration(page.wall_s)} for all seeds`}
        table=${{ columns: ["", ...seeds.map((seed) => `seed ${seed}`)], rows }}
        caption="All seeds are drawn over one another: where several dots or lines share a colour, each is a seed.">
        <img class="claim-picture" src=${`/api/ledger/${entry.name}/picture`} width="504" height="288" alt=${alternative(names, seeds, measured)} />
      <//>
      <${Samples} samples=${samples} />
    </section>`;
}

/** The picture in words: its first numbers; all of them are in the table. */
function alternative(names, seeds, measured) {
  const some = names.slice(0, 6).map((name) => `${name} ${seeds.map((seed) => Number((measured[seed][name] ?? NaN).toPrecision(3))).join(", ")}`);
  return `Numbers of ${seeds.length} seeds: ${some.join("; ")}${names.length > 6 ? "; more in the table" : ""}`;
}

function Samples({ samples }) {
  const [all, setAll] = useState(false);
  const found = Object.values(samples)[0] ?? [];
  if (!found.length) return null;
  const shown = all ? found : found.slice(0, 4);
  const more = (sample) => Object.entries(sample).filter(([key]) => key !== "prompt" && key !== "text").map(([key, value]) => `${key}: ${value}`).join(", ");
  return html`
    <h3>What the models wrote</h3>
    <ul class="samples">${shown.map((sample, index) => html`
      <li key=${index}><p class="sample-prompt">${sample.prompt}</p><p class="sample-text">${sample.text}</p><p class="muted small">${more(sample)}</p></li>`)}</ul>
    ${found.length > 4 && html`<${Button} kind="quiet" onClick=${() => setAll(!all)}>${all ? "Fewer" : `All ${found.length} of seed ${Object.keys(samples)[0]}`}<//>`}`;
}

function NotMeasured() {
  return html`<section><h2>What came out</h2>
    <p class="empty">Not measured on this machine. The command below does it and keeps the result in the folder of the runs; this page then shows it.</p></section>`;
}

function Again({ page }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(page.command).then(() => setCopied(true), () => setCopied(false));
  const { minutes, verdict } = page.entry;
  return html`
    <section><h2>${verdict ? "Measure it again" : "Measure it"}</h2>
      <div class="row"><code class="claim-command">${page.command}</code><${Button} onClick=${copy}>${copied ? "Copied" : "Copy"}<//></div>
      <p class="muted small" aria-live="polite">About ${minutes < 1 ? "a minute or less" : `${Math.ceil(minutes)} minutes`} a seed on two cores. Many experiments
        look into the models of a speedrun
        with the same seed, and say so when there is none: <code>orrery speedrun --full --minutes 25 --seed 0</code>.</p>
    </section>`;
}
