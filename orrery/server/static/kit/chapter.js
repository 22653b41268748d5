// What every chapter is made of: sections, figures, code, one exercise; and the way to the next.
import { Exercise } from "./exercise.js";
import { html, useEffect } from "./html.js";
import { href, route } from "./route.js";
import { mark } from "./store.js";
import { useStyle } from "./style.js";
import { chapters } from "../course/chapters.js";

/**
 * A chapter's frame. `sections`: [[id, title, Body], …]; Body is a component.
 */
export function Chapter({ number, sections }) {
  const ready = useStyle("styles/course.css");
  const place = chapters.findIndex((one) => one.number === number);
  const { title, question, minutes } = chapters[place];
  const wanted = route.value.parts[2];
  useEffect(() => {
    if (ready && wanted) document.getElementById(wanted)?.scrollIntoView();
  }, [ready, wanted]);
  if (!ready) return null;
  const [before, after] = [chapters[place - 1], chapters[place + 1]];
  return html`
    <article class="chapter">
      <header>
        <p class="kicker">Chapter ${number} · about ${minutes} minutes</p>
        <h1>${title}</h1>
        <p class="question">${question}</p>
        <ul class="toc">${sections.map(([id, name]) => html`<li key=${id}><a href=${href(`course/${number}/${id}`)}>${name}</a></li>`)}</ul>
      </header>
      ${sections.map(([id, name, Body]) => html`
        <section key=${id} id=${id} aria-labelledby=${`${id}-title`}><h2 id=${`${id}-title`}>${name}</h2><${Body} /></section>`)}
      ${typeof number === "number" && html`<${Exercise} chapter=${number} />`}
      <footer>
        ${before ? html`<a href=${href(`course/${before.number}`)}>← ${before.title}</a>` : html`<span></span>`}
        ${after && html`<a href=${href(`course/${after.number}`)} onClick=${() => mark(number, "read")}>${after.title} →</a>`}
      </footer>
    </article>`;
}
