// The logit lens: what the model would say after each of its blocks, had it no others.
import { Figure } from "../kit/figure.js";
import { percent, visible } from "../kit/format.js";
import { html, names } from "../kit/html.js";

const after = (depth) => (depth === 0 ? "embedding" : `block ${depth - 1}`);

/** Of each depth and position the likeliest next token; of the chosen position the first three. */
export function Lens({ answer, place, setState, result }) {
  const { tokens, ids, lens } = answer;
  const keys = (event, t) => {
    const to = { ArrowRight: t + 1, ArrowLeft: t - 1, Home: 0, End: tokens.length - 1 }[event.key];
    if (to === undefined || to < 0 || to >= tokens.length) return;
    event.preventDefault();
    setState({ row: to });
    event.currentTarget.closest("tr").querySelectorAll("button")[to].focus();
  };
  const table = { columns: ["after", "position", "token", "says", "probability"], rows: lens.flatMap((row, depth) => row.map(([top], t) => [after(depth), t, tokens[t], top.text, top.probability])) };
  return html`
    <${Figure} title="What each depth would say" table=${table} result=${result}
      caption="The stream after each block, read off by the last norm and the unembedding as if the pass ended there: the logit lens. A token in bold is the one that does
        come next in the text; the shade is its probability.">
      <div class="lens-scroll" tabindex="0" role="region" aria-label="Likeliest next token by depth and position">
        <table class="lens">
          <thead><tr><th scope="col">after</th>${tokens.map((token, t) => html`
            <th key=${t} scope="col" class=${names(t === place.row && "here")}><button type="button" aria-pressed=${t === place.row} tabindex=${t === place.row ? 0 : -1}
              onClick=${() => setState({ row: t })} onKeyDown=${(event) => keys(event, t)}>${visible(token)}</button></th>`)}</tr></thead>
          <tbody>${lens.map((row, depth) => html`
            <tr key=${depth}><th scope="row">${after(depth)}</th>${row.map(([top], t) => html`
              <td key=${t} class=${names(t === place.row && "here", top.id === ids[t + 1] && "right")} style=${{ "--share": top.probability }} title=${percent(top.probability)}
                data-id=${top.id} data-value=${top.probability} onClick=${() => setState({ row: t })}>${visible(top.text)}</td>`)}</tr>`).reverse()}</tbody>
        </table>
      </div>
      <p class="small">After “${visible(tokens[place.row])}”, the first three:</p>
      <ol class="lens-depths small" aria-live="polite">${lens.map((row, depth) => html`
        <li key=${depth}><span class="muted">after ${after(depth)}</span>${row[place.row].map((guess) => html`
          <span key=${guess.id}><span class="mono">${visible(guess.text)}</span> <span class="number muted">${percent(guess.probability)}</span></span>`)}</li>`)}</ol>
    <//>`;
}
