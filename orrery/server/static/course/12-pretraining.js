// Chapter 12: pretraining, the floor of the world's text, and scaling laws.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { Tex } from "../kit/math.js";
import { models, refreshModels } from "../kit/models.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";
import { useStyle } from "../kit/style.js";
import { ContinueFigure } from "./figures/continue.js";
import { MeasuredBars } from "./figures/bars.js";

export default function Pretraining() {
  return html`<${Chapter} number=${12} sections=${[
    ["simulator", "A simulator of documents", Simulator],
    ["data", "What it reads", Data],
    ["floor", "A loss with a floor", Floor],
    ["laws", "How loss falls", Laws],
    ["worth", "What a fit is worth", Worth],
  ]} />`;
}

function Simulator() {
  useStyle("course/figures/continue.css");
  return html`
    <p>Pretraining is the loop of chapter 8 with more of everything. The text is cut into rows of tokens, at each place the model says how likely every token
      is to come next, and the loss is the mean surprise at what does come. Nobody marks anything. The text itself is the teacher, which is why there can be so
      much of it.</p>
    <p>What comes out is called a base model, and the best way to think of it is as a simulator of documents. Give it the beginning of one and it writes on as such a
      document might. A question is the beginning of several kinds of document: a page of questions and answers, an exam, a forum where somebody asks a
      second thing. It goes on with one of these.</p>
    <${ContinueFigure} />
    <p>So a base model can be made to answer without any tuning: by writing a document in which the answer comes next. That is all that a prompt is. What it cannot be relied
      on to do is to stop, to be polite, or to say that it does not know, since the documents seldom do.</p>
    <${Quiz} chapter=${12} id="ends"
      question="A base model of yours is given “What is the capital of France?” and writes 60 tokens at temperature 0. Does it put an end to its document within them?"
      truth=${ends}
      options=${[
        { text: "It ends within 60 tokens", why: "The end of a document is a token like the others, and it was likely enough there." },
        { text: "It is still writing", why: "The end of a document is a token like the others, and something else was likelier each time. Pages are mostly longer than this." },
      ]} />`;
}

/** Ask the engine: whether the newest base model ends its document. */
async function ends() {
  if (models.value === null) await refreshModels();
  const model = models.value.find((one) => one.kind === "base")?.name;
  if (!model) throw new Error("There is no base model yet: a run makes one.");
  const { answer } = await compute("writing", { model, text: "What is the capital of France?", max_tokens: 60 });
  return { right: answer.ended ? 0 : 1, says: `${model} wrote “${answer.text.trim().slice(0, 80)}…”.` };
}

function Data() {
  return html`
    <p>Large models read trillions of tokens, most of them from the web. Most of the work is in choosing them: pages are stripped of menus, filtered by language and quality,
      rid of near-copies and of private data, and what is left is a small part of what was fetched. Orrery has the same steps in small, and a world to run them
      on: a generator that writes encyclopedia pages, forums, how-tos, stories, worksheets, news, code, and junk, from tables of facts and from people who do not
      exist.</p>
    <${Source} name="orrery.data.world.generate.document" />
    <p>A world that one has made oneself has an advantage over the web. Every document knows what it was made of: which facts it states, which of them are copies,
      what the right answer to a question about it is. So cleaning can be graded, and so can its effect. A model that read clean text twice came to 0.71 to 0.73
      bits per byte of clean text, where one that read as much with the junk left in came to 0.94 to 0.95
      (<a href=${href("ledger/quality_over_quantity")}>quality_over_quantity</a>, three seeds).</p>`;
}

function Floor() {
  return html`
    <p>How low can the loss go? For real text nobody knows. For the world's text we do: the generator draws its choices from distributions that it knows, so it can add up
      the entropy of the choices behind each document. Per byte that is 0.265 bits in the default world. It is what a reader who knew the world perfectly would still be
      surprised by: which person the page is about, which phrasing it picks.</p>
    <${MeasuredBars} of="next_token" title="How much of the way to the floor" items=${[
      ["forum", "forum, share of the way"],
      ["how-to", "howto, share of the way"],
      ["encyclopedia", "encyclopedia, share of the way"],
      ["story", "story, share of the way"],
      ["worksheet", "worksheet, share of the way"],
      ["dialogue", "dialogue, share of the way"],
      ["junk", "junk, share of the way"],
    ]} caption="From the loss of a reader who only counts tokens (0%) to the entropy of the choices (100%), for base models of a 25-minute run." />
    <p>Forum pages are read to their very floor: a model of about a million numbers has found out everything that can be known about them. Dialogue and junk are not. A loss on
      its own says little, then. What counts is its excess over what cannot be known, and that differs from one kind of text to the next. A model that stops improving on one
      kind may have nothing left to learn there.</p>
    <p>Losses in nats a token also depend on the tokens: a larger vocabulary has fewer and harder ones. Divided by bytes they can be compared between any two models,
      which is why everything here is in bits per byte.</p>
    <${Quiz} chapter=${12} id="token"
      question="Two models read the same held-out text. One has 512 tokens in its vocabulary and a loss of 1.2 nats a token, the other 4,096 and 1.9. Which predicts the text better?"
      options=${[
        { text: "The first: its loss is lower", why: "It pays 1.2 nats for a shorter piece of text. Per token the two cannot be compared." },
        { text: "One cannot tell from these numbers", right: true,
          why: "Divide by the bytes of a token. If the first has 2.0 bytes a token and the second 3.3, they pay 0.87 and 0.83 bits a byte, and the second is ahead." },
        { text: "The second: its vocabulary is larger", why: "That makes tokens longer, and each of them harder. Whether it pays has to be measured." },
      ]} />`;
}

function Laws() {
  return html`
    <p>Train models of several sizes on the same text and their losses fall in a remarkably regular way. On paper with logarithmic axes they lie on a line that bends
      towards a floor. Kaplan and others put it into a formula in 2020, and Hoffmann and others, two years later, with the floor in it:</p>
    <${Tex} block>${String.raw`L(N) = E + A \, N^{-\alpha}`}<//>
    <p>N is the number of parameters, E what no size would mend, α how fast the rest falls. The same form serves for the tokens read. With such laws one plans a large
      training from small ones: the fit says what the large one will reach, and how many tokens each parameter should get.</p>
    <p>Below you can do it. Each point is a real run on this machine. Train the first four, and from then on each run is preceded by a prediction, which is written down
      before the run begins. That order matters: a curve that is drawn through a point afterwards has predicted nothing.</p>
    <${Simulation} name="scaling" />`;
}

function Worth() {
  return html`
    <p>The formula has three numbers, so three points whose fall slows down are met exactly. The fit then looks perfect and has shown nothing: there is no residual to be
      judged by. With a fourth there is one. That is still little, and the band around the line is accordingly wide.</p>
    <${Source} name="orrery.evals.scaling.fit_power_law" />
    <p>Look at what the law leaves over. Where the residuals change sign at random, noise is a fair account of them. Where they form a bow, the form is wrong, and no
      number of points
      will mend that. The first five of the sizes above show it. After the same 300 steps they came to 3.07, 2.73, 2.41, 2.12 and 1.85 bits per byte, and their fall becomes steeper
      with size where the law says that it should slow down; the best fit has E = 0 and a bow. These runs are so short that they are all far from what their size could do, and
      larger models learn more from the same tokens. A law fitted there speaks of beginnings and not of sizes.</p>
    <p>Hence the rule of those who do this for a living: every point must be a run that was finished as it was meant to be, with its learning rate brought down to its end,
      and the extrapolation should be short. A factor of two is a prediction. A factor of a thousand is a hope.</p>
    <${Quiz} chapter=${12} id="three" question="Three sizes give a fit with E = 1.41 and residuals of zero. What do you know about E?"
      options=${[
        { text: "It is 1.41: the fit is exact",
          why: "Any three losses whose fall slows down would be met exactly, also wrong ones. Change one of them by one percent and E moves far." },
        { text: "Almost nothing before a fourth point has tested it", right: true,
          why: "Three numbers from three points leave nothing to check. Predict the fourth, train it, and see." },
        { text: "That it lies between 0 and 1.41", why: "That would hold if the form were right and the losses free of noise, and neither is known." },
      ]} />`;
}
