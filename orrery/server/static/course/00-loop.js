// Chapter 0: why it matters, and the five-step loop.
import { compute, get } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";

export default function Loop() {
  return html`<${Chapter} number=${0} sections=${[
    ["unwritten", "Rules that nobody wrote", Unwritten],
    ["loop", "Predict, compare, blame, adjust, repeat", Steps],
    ["surprise", "How wrong, in one number", Surprise],
    ["same", "The same loop at every size", Same],
  ]} />`;
}

function Unwritten() {
  return html`
    <p>Write a program that makes up given names. You would begin with rules: vowels and consonants take turns, more or less; <code>q</code> wants
      a <code>u</code>; many names end in <code>a</code>. After an afternoon you would have a hundred rules and a program whose names look wrong,
      because most of what you know about names you cannot say. (What a rule has that a list has not, and how a machine can find one,
      is the subject of <a href=${href("course/A")}>chapter A</a>.)</p>
    <p>Below is a program without any such rule. It is a fixed chain of multiplications and additions with 4,192 numbers in it. On the left those
      numbers are random. On the right, a few seconds of reading names have changed them, and nothing else. Both throw the same dice.</p>
    <${Simulation} name="names" />
    <p>All that the right side knows about names is in its numbers, and nobody put it there by hand. How numbers come to know something is what this
      half of the course is about. The program is small enough to be read in full: <a href=${href("course/7")}>chapter 7</a> does. What came to be
      called large language models is the same idea with a hundred million times as many numbers.</p>
    <${Quiz} chapter=${0} id="copies" question="Let the trained model make up fifty names (temperature 0.5, seed 1). How many of them stand in the list that it learnt from?" truth=${copies}
      options=${[
        { text: "More than half: it has learnt the list by heart.",
          why: "The list has thousands of names; 4,192 numbers have no room for them, and were never asked to keep them. What fits is what many names have in common." },
        { text: "Some, but at most half.", why: "It has learnt how names go, not which names there are. Where a common way of going on happens to spell a name of the list, the two meet." },
        { text: "None: it can only write what is new.", why: "It does not know which names it has read, so it cannot avoid them either." },
      ]} />`;
}

/** Ask the engine: how many of fifty names are copies. */
async function copies() {
  const [run] = await get("/api/micro");
  if (!run) throw new Error("There is no trained model yet: the figure above has a button that trains one.");
  const { answer } = await compute("names", { micro: run.name, step: run.steps[run.steps.length - 1], seed: 1, count: 50 });
  const seen = answer.names.filter((name) => name.seen).length;
  return { right: seen > 25 ? 0 : seen > 0 ? 1 : 2, says: `The engine wrote fifty: ${seen} are in the list.` };
}

function Steps() {
  return html`
    <p>Learning is five steps, over and over. <strong>Predict:</strong> show the model the beginning of a real name and let it say how likely each
      letter is to come next. <strong>Compare:</strong> look at which letter does come, and measure how surprised the model
      was. <strong>Blame:</strong> find out, for each of the 4,192 numbers, whether a little more of it would have made the surprise larger or smaller,
      and how much. <strong>Adjust:</strong> change every number a little in the direction that helps. <strong>Repeat</strong> with the next name.</p>
    <p>Here is the whole step as it runs, in plain Python. <code>loss</code> predicts and compares, <code>backward</code> blames,
      and <code>adam.step</code> adjusts.</p>
    <${Source} name="orrery.scratch.microgpt.MicroGPT.step" />
    <p>Only the third step is hard. To try every number one by one would mean to run the model 4,193 times for one adjustment. The slope
      of <a href=${href("course/2")}>chapter 2</a> and the engine of <a href=${href("course/4")}>chapter 4</a> do it in one pass, forwards and back again,
      for all numbers together. That pass is why any of this is possible.</p>
    <${Quiz} chapter=${0} id="order" question="Training has gone wrong: the numbers never change, though the losses that are printed look sensible. Which of the steps is missing?"
      options=${[
        { text: "Predict", why: "Without a prediction there would be no loss to print." },
        { text: "Compare", why: "The losses are the comparison, and they are printed." },
        { text: "Adjust", right: true,
          why: "Predicting, comparing and even blaming leave every number as it is. Only adjusting writes to them; forget it, and the loss merely varies from name to name." },
      ]} />`;
}

function Surprise() {
  return html`
    <p>The second step needs a number for how wrong a prediction was. If the model gave the letter that came a chance of <var>p</var>, its surprise is
      −ln <var>p</var>: nothing if it was certain, 0.69 for an even chance, and without limit as <var>p</var> goes to nothing. The mean over the
      letters of a name is the <em>loss</em>, the one number that training makes smaller.</p>
    <p>A model that knows nothing spreads its bets evenly over 27 tokens and is surprised by ln 27 = 3.30 each time. The run that the
      button above makes, on the package's own list of names, begins at 3.33 (measured over 200 of them), a trifle worse than knowing nothing, because random numbers have random
      opinions. After 3,000 steps it is at 2.23. In choices: e<sup>3.30</sup> is 27, and e<sup>2.23</sup> is 9.3, so it hesitates as somebody would who has narrowed 27 letters down to nine.
      It does not come near 0, and should not: names are not that predictable.</p>
    <${Quiz} chapter=${0} id="loss" question="One model gives the right letter a chance of 1/4 every time. Another gives it 1/2 half of the time and 1/8 the other half. Which has the smaller loss?"
      options=${[
        { text: "The first", why: "ln 4 = 1.386 every time. The other: (ln 2 + ln 8) / 2 = ln 4 as well." },
        { text: "The second", why: "What it wins by being surer half of the time it loses the other half: ln 2 and ln 8 are as far below ln 4 as above it." },
        { text: "They are equal", right: true, why: "The mean of ln 2 and ln 8 is ln 4. Surprise counts factors: twice as likely gains as much as half as likely costs." },
      ]} />`;
}

function Same() {
  return html`
    <p>Everything that follows is this loop with better parts. Longer pieces of text instead of letters, wider and deeper chains of
      multiplications, graphics cards instead of one processor core. Even when a model later learns to answer, to please, or to reason, something predicts, something
      compares, blame is shared out, and numbers are adjusted; what changes is what it is compared with.</p>
    <p>So it pays to understand it once where it is small. The next chapters take it apart: numbers
      that stand for meaning, the slope that finds who is to blame, the step that adjusts, and the engine that does it for any program. Then we build the model.</p>`;
}
