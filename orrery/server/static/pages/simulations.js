// All simulations, or one of them on a page of its own.
import { html } from "../kit/html.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";
import { useStyle } from "../kit/style.js";
import { chapters } from "../course/chapters.js";
import { simulations } from "../sims/simulations.js";

export default function Simulations({ parts }) {
  const ready = useStyle("styles/course.css");
  const one = simulations.find((each) => each.name === parts[0]);
  if (!ready) return null;
  return one ? html`<${One} key=${one.name} ...${one} />` : html`<${All} />`;
}

function One({ name, title, blurb, chapter }) {
  const explained = chapters.find((each) => each.number === chapter);
  return html`
    <div class="wide">
      <div class="page-head"><div><h1>${title}</h1><p>${blurb}</p></div>
        ${explained && html`<a class="button" href=${href(`course/${chapter}`)}>Explained in chapter ${chapter}</a>`}</div>
      <${Simulation} name=${name} />
    </div>`;
}

function All() {
  return html`
    <div class="wide">
      <div class="page-head"><div><h1>Simulations</h1><p>One idea each, driven by the models on this machine. What you set stays in the address, so a link shows what you saw.</p></div></div>
      <ul class="cards">${simulations.map((one) => html`
        <li key=${one.name}><a href=${href(`sims/${one.name}`)}><h3>${one.title}</h3><p>${one.blurb}</p></a></li>`)}</ul>
    </div>`;
}
