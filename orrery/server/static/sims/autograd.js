// Simulation 5: the graph of an expression, forwards, and backwards one node at a time.
import { useCompute } from "../kit/api.js";
import { Button, Select, Slider, TextInput, Toggle, Trouble } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { number, significant } from "../kit/format.js";
import { html, names, useEffect, useRef } from "../kit/html.js";
import { useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { BOX, backward, folded, layout, unfolded } from "./autograd.model.js";

const DEFAULTS = { expression: "(a*b + c)^2 + a", values: {}, at: 1, whole: false };
const FIRST = { a: 2, b: -3, c: 4, w: 0.5, x: 2, y: 1 };
const EXAMPLES = ["(a*b + c)^2 + a", "a + a", "relu(w*x + b)", "(a*b + c).relu() + a^2", "(w*x + b - y)^2", "tanh(w*x + b)", "exp(a) / (exp(a) + exp(b))"];
const MANY = 12; // nodes from which chains are folded

/** `expression`: what stands there at first. */
export default function Autograd({ expression }) {
  const [state, setState] = useUrlState("autograd", { ...DEFAULTS, expression: expression ?? DEFAULTS.expression });
  const ready = useStyle("sims/autograd.css");
  const values = { ...FIRST, ...state.values };
  const { result, error } = useCompute("autograd", { expression: state.expression, values });
  if (!ready) return null;
  const answer = result?.answer;
  const graph = answer && (state.whole || answer.nodes.length <= MANY ? unfolded(answer) : folded(answer));
  const last = graph ? graph.order.length + 1 : 1;
  const at = Math.min(last, Math.max(0, Math.round(state.at)));
  const step = (to) => setState({ at: Math.min(last, Math.max(0, to)) });
  const back = graph && backward(graph, at);
  const table = graph && {
    columns: ["node", "made by", "value", "gradient so far"],
    rows: graph.nodes.map((node) => [node.label || `node ${node.id}`, node.parts.join(" → ") || "given", node.value, significant(back.gradients[node.id], 5)]),
  };
  return html`
    <${Figure} title="Backward, one node at a time" table=${table} result=${result}
      caption="Forwards, every box computes its value from its ingredients. Backwards, every box hands each ingredient its own gradient
        times the number on the line; what reaches a box by several lines adds up."
      controls=${html`
        <div class="columns">
          <div class="row"><${Select} label="Example" value=${EXAMPLES.includes(state.expression) ? state.expression : ""} options=${[...EXAMPLES.map((one) => [one, one]), ["", "your own"]]}
              onInput=${(chosen) => chosen && setState({ expression: chosen, at: 1 })} />
            <${TextInput} label="Expression" value=${state.expression} mono wait=${300} maxLength=${200} onInput=${(typed) => setState({ expression: typed, at: 1 })} /></div>
          <div class="stack autograd-values">${answer?.names.map((name) => html`
            <${Slider} key=${name} label=${name} value=${values[name] ?? 1} min=${-5} max=${5} step=${0.1} digits=${2}
              onInput=${(value) => setState({ values: { ...state.values, [name]: value } })} />`)}</div>
        </div>
        <div class="row">
          <${Button} onClick=${() => step(at - 1)} disabled=${at === 0}>Back<//>
          <${Button} kind="primary" onClick=${() => step(at + 1)} disabled=${at >= last}>Next node<//>
          <${Button} onClick=${() => step(last)} disabled=${at >= last}>To the end<//>
          <${Button} kind="quiet" onClick=${() => step(0)}>Forget the gradients<//>
          ${answer?.nodes.length > MANY && html`<${Toggle} label=${`All ${answer.nodes.length} nodes`} value=${state.whole} onInput=${(whole) => setState({ whole, at: 1 })} />`}
        </div>`}>
      ${error && html`<${Trouble}>${error}<//>`}
      ${graph && html`<div class=${names(error && "stale")}><${Graph} graph=${graph} back=${back} at=${at} step=${step} last=${last} />
        <p class="autograd-says" aria-live="polite">${says(graph, back, at, last)}</p></div>`}
    <//>`;
}

const nameOf = (node) => node.label || node.parts.join(" → ") || number(node.value, 2);

/** What the last action was, in words. */
function says(graph, { gradients, handed, node }, at, last) {
  const find = (id) => graph.nodes.find((one) => one.id === id);
  if (at === 0) return "Every value is computed; no gradient is known yet.";
  if (at === 1) return html`The result moves as itself does: its gradient is <strong>1</strong>. ${last === 1 ? "There is nothing else." : "Now it is handed on."}`;
  const told = handed.map((one) => html`
    <span><code>${nameOf(find(one.source))}</code> ${one.before === undefined ? "gets" : html`has ${significant(one.before)} and gets <code>+=</code>`}${" "}
    ${significant(gradients[node])} × ${significant(one.local)} =${" "}
    <strong>${significant(one.amount)}</strong>${one.before !== undefined && html`, now ${significant(one.before + one.amount)}`}. </span>`);
  return html`<code>${nameOf(find(node))}</code> hands on its gradient, ${significant(gradients[node])}. ${told} ${at === last ? "All gradients are known." : ""}`;
}

function Graph({ graph, back, at, step, last }) {
  const box = useRef(null);
  const { places, width, height } = layout(graph);
  const active = back.node ?? (at === 1 ? graph.order[0] : null);
  useEffect(() => { // the node that acts stays in sight
    const place = places[active];
    if (place && box.current) box.current.scrollLeft = place[0] - box.current.clientWidth / 2;
  }, [active, at]);
  const keys = (event) => {
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    step(to);
  };
  return html`
    <div class="autograd-graph" ref=${box} tabindex="0" role="application" aria-label=${`Graph of ${graph.nodes.length} nodes, action ${at} of ${last}. Arrow keys step.`} onKeyDown=${keys}>
      <svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label="The graph, ingredients on the left; Show as table has its numbers">
        ${graph.edges.map((edge, i) => html`<${Line} key=${i} edge=${edge} places=${places} on=${back.handed.find((one) => one.source === edge.source && one.target === edge.target) !== undefined}
          twin=${graph.edges.findIndex((one) => one.source === edge.source && one.target === edge.target) !== i} />`)}
        ${graph.nodes.map((node) => {
          const handed = back.handed.filter((one) => one.source === node.id);
          return html`<${Box} key=${node.id} node=${node} place=${places[node.id]} gradient=${back.gradients[node.id]} active=${node.id === active}
            adds=${handed.some((one) => one.before !== undefined)} gets=${handed.length > 0} />`;
        })}
      </svg>
    </div>`;
}

function Box({ node, place: [x, y], gradient, active, adds, gets }) {
  const known = gradient !== undefined;
  const title = nameOf(node);
  return html`
    <g class=${names("autograd-node", node.parts.length ? "made" : "leaf", active && "active", gets && "gets", adds && "adds")}
      data-node=${node.id} data-value=${node.value} data-gradient=${known ? gradient : ""}>
      <rect x=${x} y=${y} width=${BOX.width} height=${BOX.height} rx="6" />
      <text x=${x + 9} y=${y + 18}><title>${title}</title>${title.length > 15 ? `${title.slice(0, 14)}…` : title}</text>
      ${adds && html`<text class="autograd-plus" x=${x + BOX.width - 9} y=${y + 18} text-anchor="end">+=</text>`}
      <text class="autograd-number" x=${x + 9} y=${y + 33}>value ${significant(node.value, 4)}</text>
      <text class="autograd-number autograd-gradient" x=${x + 9} y=${y + 47}>${known ? `gradient ${significant(gradient, 4)}` : "gradient –"}</text>
    </g>`;
}

function Line({ edge, places, on, twin }) {
  const [x1, y1] = [places[edge.source][0] + BOX.width, places[edge.source][1] + BOX.height / 2 + (twin ? 10 : 0)];
  const [x2, y2] = [places[edge.target][0], places[edge.target][1] + BOX.height / 2 + (twin ? 10 : 0)];
  const bend = (x1 + x2) / 2;
  const t = 0.42;
  const near = 3 * t ** 2 - 2 * t ** 3; // how far the curve has come in height where its label stands
  return html`
    <g class=${names("autograd-line", on && "on")}>
      <path d=${`M${x1} ${y1}C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}`} />
      <text x=${x1 + t * (x2 - x1)} y=${y1 + near * (y2 - y1) - 4} text-anchor="middle">×${significant(edge.local, 3)}</text>
    </g>`;
}
