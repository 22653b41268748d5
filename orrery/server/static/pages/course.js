// The course: its chapters, or one of them.
import { Trouble, Waiting } from "../kit/controls.js";
import { html, useEffect, useState } from "../kit/html.js";
import { href } from "../kit/route.js";
import { progress } from "../kit/store.js";
import { useStyle } from "../kit/style.js";
import { chapters } from "../course/chapters.js";

export default function Course({ parts }) {
  return parts.length ? html`<${OneChapter} key=${parts[0]} number=${chapterOf(parts[0])} />` : html`<${Contents} />`;
}

/** The name of a chapter as the address has it: a number, or the letter of an extra one. */
const chapterOf = (text) => (Number.isNaN(Number(text)) ? text : Number(text));

function OneChapter({ number }) {
  const [state, setState] = useState({});
  const found = chapters.find((one) => one.number === number);
  useEffect(() => {
    found?.load().then((module) => setState({ View: module.default }), () => setState({ error: "The chapter could not be loaded." }));
    if (found) document.title = `${found.title} – Orrery`;
  }, [number]);
  if (!found || state.error) return html`<div class="narrow"><${Trouble}>${state.error ?? `There is no chapter ${number}.`}<//></div>`;
  return state.View ? html`<${state.View} />` : html`<div class="narrow"><${Waiting} what="Loading" /></div>`;
}

function Contents() {
  if (!useStyle("styles/course.css")) return null;
  return html`
    <div class="narrow">
      <div class="page-head"><div><h1>The course</h1>
        <p>From one derivative to a model that thinks before it answers. What moves is computed by the models on this machine; where a figure was measured before, it says so.</p></div></div>
      <ol class="chapters">${chapters.map((one) => html`
        <li key=${one.number}><a href=${href(`course/${one.number}`)}>
          <span class="ordinal">${one.number}</span><span><strong>${one.title}</strong><br /><span class="muted small">${one.question}</span></span>
          <span class="muted small">${progress.value[one.number]?.read ? "read" : `${one.minutes} min`}</span></a></li>`)}</ol>
    </div>`;
}
