// Chapter 19: what a model knows, what stands before it, and what it makes up.
import { post } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { models, refreshModels } from "../kit/models.js";
import { MeasuredBars } from "./figures/bars.js";

export default function Knowledge() {
  return html`<${Chapter} number=${19} sections=${[
    ["weights", "Facts in weights", Weights],
    ["reversal", "One way only", Reversal],
    ["memory", "What stands before it", Memory],
    ["invention", "Why it makes things up", Invention],
    ["cure", "Teaching it to say no", Cure],
    ["self", "Who is speaking", Self],
  ]} />`;
}

const TOLD = [["told 0 to 59 times", "0 to 59"], ["told 60 to 119 times", "60 to 119"], ["told 120 to 239 times", "120 to 239"], ["told 240 times or more", "240 or more"]];

function Weights() {
  return html`
    <p>A language model has no table in which facts are looked up. What it knows lies in its weights, as a disposition to go on in some ways rather than others,
      and each fact had to be pushed in by the slope of the loss, a little at each time it was read. So it matters how often a fact was told. In Orrery's world that can be
      counted exactly, and the assistants of three runs show it.</p>
    <${MeasuredBars} of="hallucination" title="Right answers, by how often the fact was read" items=${TOLD.map(([words, label]) => [label, `${words}, right, as it was`])}
      caption="Questions about people of the world, put in words that training never used; assistants of about a million numbers, before any cure." />
    <p>It is a recollection and not a record, and it is lossy in a way of its own: a fact that was met seldom is blurred into others of its kind. Where the model is wrong
      about one, it mostly gives another town, another job, another instrument. It is the form that is remembered best.</p>`;
}

function Reversal() {
  return html`
    <p>Somebody who has learnt that Aldan Garpan is called Olive can answer who it is that is called Olive. A model cannot, if it only ever read the sentence in that
      direction. Some relations of the world are written forwards alone, so that this can be seen.</p>
    <${MeasuredBars} of="reversal" title="The same facts, asked both ways" items=${[["forwards", "forward"], ["backwards", "backward"], ["by chance", "chance"]]}
      caption="Berglund and others called it the reversal curse (arXiv 2309.12288). Backwards, the model names somebody; it is the right one no more often than by chance." />
    <p>There is nothing odd in it once one thinks of what was trained. The loss asked for the nickname behind the name. It never asked for the name behind the
      nickname, and no step of
      the training stored a pair that could be read from either end. Facts that are also read in the other direction can be asked in it. The other remedy is the next
      section: put the page
      before the model, and let it read.</p>
    <${Quiz} chapter=${19} id="reverse" question="You want a model to answer “Who is called Olive?”, and have the sentence “Aldan Garpan is called Olive”. What helps?"
      options=${[
        { text: "Training on that sentence ten times more often", why: "It makes the forward direction surer. The backward one was at chance with facts that were known well." },
        { text: "Putting the sentence before the question, or training on “Olive is what they call Aldan Garpan” as well", right: true, why:
          "What stands in the context can be read from either end by attention; and a second sentence trains the second direction." },
        { text: "A higher temperature", why: "It makes all names likelier, among them the right one, which was one of some thirty." },
      ]} />`;
}

function Memory() {
  return html`
    <p>Beside what it has learnt a model has what stands before it, its context. Karpathy's picture is that weights are a vague recollection and the context is
      working memory: what is in
      it need not be remembered, it can be copied. This is why one pastes the document into the question, and why search works.</p>
    <${MeasuredBars} of="working_memory" title="Where the answer comes from" items=${[
      ["nothing given", "from memory"], ["the fact given", "the fact in the context"], ["a false one given", "another value in the context"],
      ["what was learnt", "contradicted, but what was learnt is said"], ["about a stranger", "a stranger's value in the context"],
      ["one fact of three", "one of three in the context (agent)"],
    ]}
      caption=${"The first five are one assistant, asked about people that it knows: with nothing, with the fact, with a false value in its place (how often it says that, and how often " +
        "what it had learnt all the same), and about a stranger. The last is an assistant that was trained to read pages."} />
    <p>In our small assistants the picture is half true, and the ledger has it as <a href=${href("ledger/working_memory")}>refuted</a>. Given the true fact they do
      better than without. Given a false
      one, they say it in 19 to 27% of cases and what they had learnt in 35 to 56%: the weights win. Where a model was trained to read, as ours were
      for the agent, it copies the right one of
      three facts in nine cases of ten. So working memory is a skill too. It came into large models with billions of pages in which the answer stood a few lines above.</p>
    <${Quiz} chapter=${19} id="prompt"
      question="An assistant of yours is asked where Aldan Garpan was born, once bare and once after “Aldan Garpan was born in Tokyo.” Does its answer change?"
      truth=${changes}
      options=${[
        { text: "Yes, the sentence before the question changes the answer",
          why: "Attention reads the sentence. Whether the answer is the one that stands there is another matter." },
        { text: "No, it says the same", why: "What was learnt, or a habit of answering, weighs more than the sentence. In the ledger it is what happens to 35 to 56% of such questions." },
      ]} />`;
}

/** Ask the engine: whether a sentence before the question changes what an assistant says. */
async function changes() {
  if (models.value === null) await refreshModels();
  const model = models.value.find((one) => one.kind === "assistant")?.name;
  if (!model) throw new Error("There is no assistant yet: a run makes one.");
  const question = "Where was Aldan Garpan born?";
  const say = async (prompt) => (await post("/api/labels/draft", { model, prompt, sampling: { max_tokens: 24 } })).text;
  const [bare, told] = [await say(question), await say(`Aldan Garpan was born in Tokyo.\n${question}`)];
  return { right: bare === told ? 1 : 0, says: `${model} says “${bare}” and “${told}”.` };
}

function Invention() {
  return html`
    <p>Ask about somebody who does not exist, and most models answer. They are not lying, since that would take a belief to depart from. The loss rewarded them for
      giving the likeliest next word, in texts that hardly
      ever say “I do not know”. Behind “was born in” comes a town. Which one is likeliest is a question that always has an answer.</p>
    <p>The tuning adds to it. A labeller knows things that the model does not. Each conversation in which the assistant says something that it could not have known
      teaches it to say such things
      in that tone. The world lets us look at this, because it has names that nobody bears: made by the generator that makes all names, and used nowhere.</p>
    <${MeasuredBars} of="hallucination" title="About people whom nobody ever wrote of" items=${[
      ["made up, before", "nobody, invented, as it was"], ["declined, before", "nobody, declined, as it was"],
      ["made up, after", "nobody, invented, tuned", true], ["declined, after", "nobody, declined, tuned", true],
    ]} caption="Before and after the cure of the next section. Some conversations of their tuning had already shown these assistants how to decline." />`;
}

function Cure() {
  return html`
    <p>The cure is to find out what the model knows and to train it to say so. It is asked many questions, several times each. Where its answers are right, the
      conversation keeps the answer; where
      they are wrong, the conversation says that it does not know. Nothing in it teaches a fact. What is taught is a link from something the model already carries,
      its own uncertainty, to the words for it.</p>
    <${Source} name="orrery.stages.probe.knowledge" />
    <p>It is no free gift. Of facts that were told seldom, the tuned model declines many that it had right before. How much one pays is a matter of where the line is
      drawn, and the fair way to look at it is a curve: for
      each threshold, the share of known facts that are refused and the share of nothings that are made up. The function below reads one point of it.</p>
    <${Source} name="orrery.ledger.hallucination.refused_at" />
    <p>At the point where a fifth of the answers about nobody are still invented, 10 to 11% of known facts are refused if one question decides, and 2 to 7% if several
      questions about the same name do (<a href=${href("ledger/hallucination")}>hallucination</a>). Asking more than once helps here as it does in arithmetic.</p>
    <${Quiz} chapter=${19} id="teach" question="A team tunes an assistant on 1,000 expert answers about facts that the base model never read. What should they expect?"
      options=${[
        { text: "It knows 1,000 facts more, and nothing else changes",
          why: "A few passes over one phrasing are far too few to hold a fact: those of the world take dozens of readings in many words." },
        { text: "It makes up more: it learns to answer surely where it has nothing", right: true,
          why: "Each such answer rewards saying what it has no ground for. Facts belong in pretraining or in the context; tuning teaches behaviour." },
        { text: "It refuses more", why: "None of the answers is a refusal. Nothing in the data teaches one." },
      ]} />`;
}

function Self() {
  return html`
    <p>The same holds for what a model says of itself. It has no way to look up its maker or its version. Asked who it is, it goes on as its conversations did: in
      words that it never read, it says what they say
      in 53 to 64% of cases (<a href=${href("ledger/identity")}>identity</a>). Where such conversations are left out a model calls itself what its text makes likeliest,
      which is how some came to say that they are ChatGPT. And it learns to refuse as it learns
      everything, from surface to depth: our assistants refuse 38 to 53% of harmful requests that are new to them, and 30 to 42% of harmless ones that sound alike,
      which the ledger counts
      as <a href=${href("ledger/refusals")}>refuted</a>. What they have learnt at that size is a tone.</p>`;
}
