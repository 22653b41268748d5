// A question with an answer at once, and the reason for every choice.
import { html, names, useId, useState } from "./html.js";
import { mark, progress } from "./store.js";

/**
 * `options`: [{text, right, why}]. `chapter` and `id` say where it is remembered that it was answered rightly.
 * `truth`: an async function that asks the engine -> the index of the right option, and words about it: {right, says};
 * the reader commits to an answer first, then it runs.
 */
export function Quiz({ chapter, id, question, options, truth }) {
  const name = useId();
  const [chosen, setChosen] = useState(null);
  const [measured, setMeasured] = useState(null);
  const [trouble, setTrouble] = useState(null);
  const isRight = (index) => (truth ? measured?.right === index : options[index].right);
  const choose = async (index) => {
    setChosen(index);
    let right = options[index].right;
    if (truth) {
      setTrouble(null);
      try {
        const result = measured ?? (await truth());
        setMeasured(result);
        right = result.right === index;
      } catch (error) {
        return setTrouble(error.message);
      }
    }
    if (right) mark(chapter, `quiz-${id}`);
    return undefined;
  };
  const judged = chosen !== null && (!truth || measured);
  return html`
    <fieldset class=${names("quiz", progress.value[chapter]?.[`quiz-${id}`] && "solved")}>
      <legend>${question}</legend>
      ${options.map((option, index) => html`
        <label key=${index} class=${names(judged && chosen === index && (isRight(index) ? "right" : "wrong"))}>
          <input type="radio" name=${name} checked=${chosen === index} onChange=${() => choose(index)} /> <span>${option.text}</span>
        </label>`)}
      <div class="quiz-reason" aria-live="polite">
        ${trouble ?? (judged ? html`<strong>${isRight(chosen) ? "Right." : "Not quite."}</strong> ${measured?.says ?? ""} ${options[chosen].why ?? ""}` : chosen !== null && truth ? "The engine is working it out…" : "")}
      </div>
    </fieldset>`;
}
