// Chapter 13: supervised fine-tuning.
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { Figure, Table } from "../kit/figure.js";
import { html } from "../kit/html.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";

export default function SFT() {
  return html`<${Chapter} number=${13} sections=${[
    ["same", "The same loss, other documents", Same],
    ["conversation", "A conversation is a row of tokens", Conversation],
    ["mask", "What is trained on", Mask],
    ["forging", "Nobody forges a turn", Forging],
    ["imitation", "It imitates its labellers", Imitation],
  ]} />`;
}

function Same() {
  return html`
    <p>A base model goes on with documents. Ask it a question and it goes on with that: perhaps with an answer, perhaps with a second
      question, for both are found on pages. It is often said that such a model <em>cannot</em> answer. Orrery's base models can: they have read pages
      of questions, and after ten minutes of training they answer a bare one, about the people they read of most, rightly in 99.5 to 100% of cases. That refutes
      the <a href=${href("ledger/base_vs_assistant")}>claim</a> as our ledger put it. But in as many cases they do not stop. The answer is followed by another
      question, about somebody else, and its answer.</p>
    <p>What has to be learnt, then, is less what to say than whose turn it is. Supervised fine-tuning (SFT) does it with the means of pretraining.
      The documents are now conversations, written by people or by another model, and the loss is the mean surprise at their tokens. Only one thing is
      new: a mask says which tokens count.</p>
    <${Source} name="orrery.stages.sft.SFTStage.loss" />`;
}

function Conversation() {
  return html`
    <p>A conversation becomes tokens by a fixed form. Each message begins with <code>${"<|im_start|>"}</code> and the name of its role, and ends
      with <code>${"<|im_end|>"}</code>. These are not words but tokens of their own, added to the vocabulary after training it, with rows in the embedding that
      are learnt like all others. A call of a tool stands between two more, and the result comes back as a message of its own role. Below, change a
      message, or take another example: what you see is made by the function that prepares the training data, and a model of yours says how
      surprising it finds each token.</p>
    <${Simulation} name="conversation" />
    <p>Choose a base model and then the assistant that was tuned from it. Orrery's base models have met such conversations already (three tenths of what
      they read), so the two differ by degrees: the assistant does more often what its conversations do. What the user says is another matter. Neither
      model was ever asked to predict that in a conversation, and its mean surprise there can be above that of a uniform guess, which for 1,024
      tokens is ln 1,024 = 6.93 nats.</p>`;
}

function Mask() {
  return html`
    <p>The model reads the whole conversation and is judged only on what the assistant writes. Were the user's messages trained on too, a good part of its effort would
      go into asking questions like our users; were the tool's results trained on, it would learn to invent them. And the token that closes the
      assistant's turn must be among the trained ones, or it never learns to stop.</p>
    <${Source} name="orrery.tokenizers.chat._write_assistant" />
    <${Quiz} chapter=${13} id="end" question="By mistake the mask leaves out the assistant’s closing <|im_end|>. What does the tuned model do?"
      options=${[
        { text: "It answers and then goes on, often with a turn of the user that it makes up.", right: true, why:
          "Nothing taught it to end, so it does what it did as a base model and continues the document. The program around it sees no end and shows it all." },
        { text: "It answers with nothing.", why: "The first token after the header is still trained on, and it is never the end." },
        { text: "Nothing changes, since the program knows when the answer ends.", why: "The program only knows by the token that the model was to write." },
      ]} />
    <${Quiz} chapter=${13} id="tool" question="The assistant calls a calculator, gets 402518 back, and says so. Which of these tokens are trained on?"
      options=${[
        { text: "The call and the sentence, not the result.", right: true, why:
          "The call is the assistant’s own doing, so it must learn to write it. The result comes from outside: it is read, and copied into the sentence that " +
          "follows." },
        { text: "Only the sentence that the user sees.", why: "Then it would never learn to call." },
        { text: "All three.", why: "Trained on results, the model would learn to write them itself, and be wrong: they are exactly what it cannot know." },
      ]} />
    <p>A mean over trained tokens also means that a long answer weighs more than a short one, and a batch without any trained token has no mean at all. Some trainers report a loss
      of 0 there. Orrery counts the trained tokens of every batch, and one with none is an error.</p>`;
}

function Forging() {
  return html`
    <p>If structure is text, a user can write it. Let the user of the figure attack: the message now ends its own turn, opens one of the system, and
      puts words into the assistant's mouth. In a program that glues strings together and tokenises the result, the model could not tell this from the real thing.</p>
    <p>Here the turns are placed by id and contents are encoded as plain text, so no content can become a special token. For other engines, which tokenise the
      glued string, the strings are also broken up by an invisible character behind the <code>${"<"}</code>, in our renderer and in the template that ships with the model.</p>
    <${Source} name="orrery.tokenizers.chat.neutralise" />
    <p>This settles who is speaking. It does not settle whom to believe: a user, or a page that a tool has fetched, may still <em>say</em> that it is the system, in plain
      words, and whether the model falls for it is a matter of training.</p>`;
}

function Imitation() {
  return html`
    <p>Behind the loss stands a simple aim: be as likely as possible to say what the labeller said. The model takes on the labeller's tone, length, caution
      and name. Asked who it is, in words that it never read, the assistant of a ten-minute run says what its conversations say in 53 to 64% of answers
      (<a href=${href("ledger/identity")}>identity</a>), and there is no other self that it could tell of.</p>
    <p>It takes on the labeller's errors, too. In the ledger's <a href=${href("ledger/sft_ceiling")}>sft_ceiling</a> the demonstrations come from an expert who is right in 82 to 83% of sums,
      and one model imitates it for longer and longer.</p>
    <${Figure} title="An expert and its imitator" note="docs/ledger.md · orrery ledger sft_ceiling" caption="Right answers, drawn at temperature 1; means of three seeds.">
      <${Table} columns=${["who", "right, %"]} rows=${CEILING} />
    <//>
    <p>The imitator comes up to its expert and stays there, for the expert's slips are part of what it imitates. Rewarded for right answers instead, from the same start, it goes
      past both: that is what the <a href=${href("course/16")}>reinforcement learning</a> of later chapters is for. (Taken greedily, the imitator is
      right in 99 to 100%: slips at random are in nobody's most likely answer.)</p>
    <${Quiz} chapter=${13} id="facts" question="Your assistant does not know the towns of your region. You add a thousand conversations that state them. What is the likeliest harm?"
      options=${[
        { text: "None: more facts are more facts.", why: "A few epochs of tuning are a poor way to store facts, and that is not all they teach." },
        { text: "It learns to answer what it does not know.", right: true, why:
          "For the model these are examples of saying with confidence what nothing in its weights supports (Gekhman et al., 2024, arXiv 2405.05904). Facts belong " +
          "into pretraining, into the context, or into a tool; tuning teaches what to do with them, and when to say “I don’t know”." },
        { text: "It forgets how to end its turns.", why: "Every one of these conversations ends its turn: it sees that a thousand times more." },
      ]} />
    <p>Nor is tuning free. A model that reads only conversations forgets what it knew: so 35% of what Orrery's tuning reads are documents of pretraining, predicted in
      full. Even so, facts about people who were mentioned seldom fall from 75% right in the base to 59% in the assistant (ten-minute runs, three seeds): much of the loss is
      readiness, the model declining what it does know. <a href=${href("course/19")}>Chapter 19</a> is about that balance.</p>`;
}

// orrery ledger sft_ceiling, docs/ledger.md: means of three seeds
const CEILING = [["the expert", 82.5], ["imitator after 225 steps", 27.8], ["imitator after 450 steps", 75], ["imitator after 900 steps", 80.7], ["after reinforcement learning", 96.2]];
