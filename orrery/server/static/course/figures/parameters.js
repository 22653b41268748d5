// Every parameter of microGPT at a size that the reader sets, and the same parts in larger models.
import { useCompute } from "../../kit/api.js";
import { Button, Slider, Trouble, Waiting } from "../../kit/controls.js";
import { Figure, Table } from "../../kit/figure.js";
import { integer, percent, short } from "../../kit/format.js";
import { html } from "../../kit/html.js";
import { useModels } from "../../kit/models.js";
import { useUrlState } from "../../kit/route.js";
import { useStyle } from "../../kit/style.js";

const DEFAULTS = { layers: 1, width: 16, heads: 4, context: 16, tokens: 27 };
const READS = {
  token: "a row for each token", position: "a row for each position", output: "the score of each token", query: "what a token looks for",
  key: "what it offers to be found by", value: "what it hands over", mix: "the heads, brought together", up: "patterns to look for", down: "what follows from them",
};

/** Every matrix of microGPT, counted on the parameters that the package makes. */
export function MicroParameters() {
  const [shape, setShape] = useUrlState("parameters", DEFAULTS);
  const { result, error } = useCompute("parameters", shape);
  if (!result) return error ? html`<${Trouble}>${error}<//>` : html`<${Waiting} what="Counting" />`;
  const { matrices, models: [micro] } = result.answer;
  const rows = matrices.map((one) => [one.name, `${one.rows} × ${one.columns}`, one.parameters, percent(one.parameters / micro.parameters), READS[one.name.split(".").at(-1)]]);
  const set = (name) => (value) => setShape({ [name]: Math.round(value) });
  return html`
    <${Figure} title="Every parameter of microGPT" result=${result}
      caption="Counted on the parameters themselves, as the package makes them for this shape. At 1 layer, width 16, a context of 16 and 27 tokens it is the published model."
      controls=${html`
        <${Slider} label="layers" value=${shape.layers} min=${1} max=${4} step=${1} onInput=${set("layers")} />
        <${Slider} label="width" value=${shape.width} min=${4} max=${48} step=${4} onInput=${set("width")} />
        <${Slider} label="context" value=${shape.context} min=${8} max=${64} step=${8} onInput=${set("context")} />
        <${Slider} label="tokens" value=${shape.tokens} min=${2} max=${100} step=${1} onInput=${set("tokens")} />`}>
      <${Table} columns=${["matrix", "rows × columns", "parameters", "share", "what it is for"]} rows=${rows} />
      <p class="row"><strong>Together <span class="number" data-name="parameters" data-value=${micro.parameters}>${integer(micro.parameters)}</span></strong>
        <${Button} kind="quiet" onClick=${() => setShape(DEFAULTS)}>As published<//></p>
      ${error && html`<${Trouble}>${error}<//>`}
    <//>`;
}

const PARTS = ["token embedding", "position embedding", "attention projections", "MLP", "norms", "unembedding"];

/** The same parts, from microGPT to GPT-2 with 1.5 billion. */
export function LargerParameters() {
  const ready = useStyle("course/figures/parameters.css");
  const ours = useModels("base")?.slice(0, 1).map((model) => model.name);
  const { result, error } = useCompute("parameters", ours ? { models: ours } : null);
  if (!ready || !result) return error ? html`<${Trouble}>${error}<//>` : html`<${Waiting} what="Counting" />`;
  const { models } = result.answer;
  const table = {
    columns: ["model", "layers", "width", "heads", ...PARTS, "all"],
    rows: models.map((one) => [one.name, one.layers, one.width, one.heads, ...PARTS.map((part) => one.parts[part] ?? 0), one.parameters]),
  };
  const { model, ...rest } = result;
  return html`
    <${Figure} title="The same parts, larger" table=${table} result=${rest}
      caption="Shares of all parameters. microGPT and GPT-2 have rows for positions, the models that you train here turn queries and keys instead; where the unembedding
        is missing, it is the token embedding, used a second time.">
      <ul class="part-legend small">${PARTS.map((part, i) => html`<li key=${part}><span class=${`part-key part-${i + 1}`}></span>${part}</li>`)}</ul>
      <dl class="part-shares">${models.map((one) => html`
        <dt key=${one.name}><strong>${one.name}</strong>${" "}
          <span class="small muted number">${short(one.parameters)} parameters · ${one.layers} ${one.layers === 1 ? "layer" : "layers"} of width ${integer(one.width)}</span></dt>
        <dd class="part-bar" data-value=${one.parameters}>${PARTS.map((part, i) => one.parts[part] && html`
          <span key=${part} class=${`part-${i + 1}`} style=${{ flexGrow: one.parts[part] / one.parameters }}
            title=${`${part}: ${integer(one.parts[part])}, ${percent(one.parts[part] / one.parameters)}`}></span>`)}</dd>`)}</dl>
    <//>`;
}
