// Betting on the next token of a text against a model; both are scored on the same few events.
import { Button } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { number, percent, visible } from "../kit/format.js";
import { html, names, useState } from "../kit/html.js";
import { events, perplexity, score, shares, surprise } from "./surprise.model.js";

const START = 4; // tokens that are given: with nothing before it, any beginning is as good as another
const EQUAL = 10;

export function Betting({ result }) {
  const { places } = result.answer;
  const [at, setAt] = useState(Math.min(START, places.length - 1));
  const [stakes, setStakes] = useState(null);
  const [rounds, setRounds] = useState([]);
  const [open, setOpen] = useState(false);
  const over = at >= places.length;
  const { options, right } = over ? { options: [] } : events(places[at]);
  const mine = shares(stakes ?? options.map(() => EQUAL));
  const reveal = () => {
    setOpen(true);
    setRounds([...rounds, { text: places[at].text, mine: surprise(mine[right]), models: surprise(options[right].p), options: options.length }]);
  };
  const next = () => {
    setOpen(false);
    setStakes(null);
    setAt(at + 1);
  };
  const again = () => {
    setRounds([]);
    setAt(Math.min(START, places.length - 1));
    setStakes(null);
    setOpen(false);
  };
  const table = { columns: ["token", "your surprise", "the model's"], rows: rounds.map((round) => [visible(round.text), round.mine, round.models]) };
  return html`
    <${Figure} title="Bet on what comes next" result=${result} table=${table}
      caption="What came with probability p costs −ln p, for you and for the model alike. Spread your stakes honestly:
        certainty that turns out wrong is what costs most, and a stake of nothing is infinitely surprised.">
      <div class="columns">
        <div class="stack">
          <p class="surprise-text" aria-label="Text so far"><${SoFar} places=${places} at=${at} open=${open} /></p>
          ${over ? html`<p>The text is over.</p>` : html`
            <ul class="stakes" aria-label="Your stakes">
              ${options.map((option, index) => html`<${Stake} key=${`${at} ${index}`} option=${option} share=${mine[index]} open=${open} came=${index === right}
                stake=${(stakes ?? options.map(() => EQUAL))[index]}
                onInput=${(value) => setStakes((stakes ?? options.map(() => EQUAL)).map((old, i) => (i === index ? value : old)))} />`)}
            </ul>`}
          <div class="row">
            ${!over && html`<${Button} kind="primary" onClick=${open ? next : reveal}>${open ? "Next token" : "See what comes"}<//>`}
            ${rounds.length > 0 && html`<${Button} kind="quiet" onClick=${again}>Begin again<//>`}
          </div>
        </div>
        <${Score} rounds=${rounds} uniform=${result.answer.uniform} place=${open ? places[at] : null} />
      </div>
    <//>`;
}

/** The text up to where the reader is; the token that came is marked. */
function SoFar({ places, at, open }) {
  const before = places.slice(0, at).map((place) => place.text).join("");
  return html`${before}${open ? html`<mark>${places[at].text}</mark>` : at < places.length && html`<span class="gap" aria-label="what comes next">?</span>`}`;
}

function Stake({ option, share, stake, open, came, onInput }) {
  const label = option.id === null ? option.text : visible(option.text);
  return html`
    <li class=${names(open && came && "came")}>
      <span class=${names("bar-label", option.id === null && "in-words")}>${label}</span>
      <input type="range" min="0" max="100" step="1" value=${stake} disabled=${open} aria-label=${`Stake on ${label}`} aria-valuetext=${percent(share, 0)}
        onInput=${(event) => onInput(Number(event.target.value))} />
      <span class="number" data-share=${share}>${percent(share, 0)}</span>
      <span class="number muted">${open ? html`<span data-model=${option.p}>${percent(option.p, 0)}</span>` : ""}</span>
    </li>`;
}

/** What the bets come to so far. */
function Score({ rounds, uniform, place }) {
  const sums = score(rounds);
  const lines = [["You", sums.mine, "mine"], ["The model", sums.models, "models"], ["Equal stakes", sums.blind, "blind"]];
  const mean = (sum) => (rounds.length ? sum / rounds.length : 0);
  return html`
    <div class="stack surprise-score" aria-live="polite">
      <table>
        <thead><tr><th scope="col">Surprise, nats</th><th scope="col" class="number">in all</th><th scope="col" class="number">a token</th><th scope="col" class="number">choices</th></tr></thead>
        <tbody>${lines.map(([who, sum, name]) => html`<tr key=${who}><th scope="row">${who}</th>
          <td class="number" data-name=${name} data-value=${sum}>${number(sum, 2)}</td><td class="number">${rounds.length ? number(mean(sum), 2) : "–"}</td>
          <td class="number">${rounds.length ? number(perplexity(mean(sum)), 1) : "–"}</td></tr>`)}</tbody>
      </table>
      <p class="small muted">${rounds.length === 0
        ? "The choices are the model's five likeliest tokens, in alphabetical order, and everything else together. Move the stakes, then see what comes."
        : `After ${rounds.length} token${rounds.length === 1 ? "" : "s"}. “Choices” is e to the mean surprise, the perplexity: as unsure as between so many equal ones.`}</p>
      ${place && html`<p class="small number">Over all its tokens the model gave <strong>${visible(place.text)}</strong> a probability
        of ${percent(Math.exp(-place.surprise))}, its number ${place.rank}:
        a surprise of <span data-name="full" data-value=${place.surprise}>${number(place.surprise, 2)}</span>. Knowing nothing costs ${number(uniform, 2)}.</p>`}
    </div>`;
}
