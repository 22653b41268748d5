// The exercise that ends a chapter: written in the reader's own editor, checked here.
import { get, post } from "./api.js";
import { Button, Trouble } from "./controls.js";
import { html, useEffect, useState } from "./html.js";
import { mark } from "./store.js";

export function Exercise({ chapter }) {
  const [exercise, setExercise] = useState(null);
  const [judged, setJudged] = useState(null);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState(null);
  useEffect(() => {
    get(`/api/exercises/${chapter}`).then(setExercise, (error) => error.status !== 404 && setTrouble(error.message));
  }, [chapter]);
  const run = async (work) => {
    setBusy(true);
    setTrouble(null);
    try {
      await work();
    } catch (error) {
      setTrouble(error.message);
    }
    setBusy(false);
  };
  const begin = () => run(async () => setExercise(await post(`/api/exercises/${chapter}/begin`, {})));
  const check = () => run(async () => {
    const result = await post(`/api/exercises/${chapter}/check`, {});
    setJudged(result);
    if (result.passed) mark(chapter, "exercise");
  });
  if (!exercise) return trouble && html`<${Trouble}>${trouble}<//>`;
  return html`
    <section id="exercise" aria-labelledby="exercise-title"><h2 id="exercise-title">Exercise</h2>
      <div class="exercise">
        <h3>${exercise.title}</h3>
        ${exercise.task.split("\n\n").map((paragraph, index) => html`<p key=${index}>${withCode(paragraph)}</p>`)}
        ${exercise.path ? html`<p class="small">Your file, for your own editor: <code>${exercise.path}</code></p>` : null}
        <div class="row">
          ${exercise.path
            ? html`<${Button} kind="primary" onClick=${check} disabled=${busy}>${busy ? "Checking…" : "Check it"}<//>`
            : html`<${Button} onClick=${begin} disabled=${busy}>Begin<//>`}
          <span class="muted small">or in a terminal: <code>orrery exercise ${chapter}${exercise.path ? " --check" : ""}</code></span>
        </div>
        <div aria-live="polite">${judged && html`<p class=${judged.passed ? "solved" : "trouble"}>${judged.passed ? "✓ " : ""}${judged.message}</p>`}</div>
        ${trouble && html`<${Trouble}>${trouble}<//>`}
      </div>
    </section>`;
}

/** Text in which what stands between backticks is code. */
const withCode = (text) => text.split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));
