// Chapter 6: attention.
import { compute, get } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { number } from "../kit/format.js";
import { html } from "../kit/html.js";
import { Tex } from "../kit/math.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";

export default function AttentionChapter() {
  return html`<${Chapter} number=${6} sections=${[
    ["alone", "A row alone knows too little", Alone],
    ["ask", "Ask, offer, hand over", Ask],
    ["softmax", "From scores to shares", Shares],
    ["heads", "The heads of a real model", Heads],
    ["ahead", "Never ahead", Ahead],
    ["kept", "Kept, layer by layer", Kept],
  ]} />`;
}

function Alone() {
  return html`
    <p>After <a href=${href("course/5")}>chapter 5</a> every token is a row of numbers. What follows <em>the</em>? Its row cannot say: it is the
      same row in every text. In <em>Mara went to the market. Mara went to the</em> you know at once, because you look back. A model needs a
      way for one row to take something from the rows before it.</p>
    <p>A mean of all rows would be one. But it would take from every token alike, and of most of them nothing is wanted. Attention is a
      mean with weights, and the weights depend on what stands in the rows. It is the only place in the whole model where tokens exchange
      anything; all other parts work on each row by itself.</p>`;
}

function Ask() {
  return html`
    <p>Three matrices turn a row into three shorter ones. The <em>query</em> says what this token looks for. The <em>key</em> says what it
      offers to be found by. The <em>value</em> is what it hands over when it is found. How well a query fits a key is their dot
      product, <a href=${href("course/1")}>chapter 1</a>'s measure of likeness. The weights come from these fits, and what a token
      receives is the sum of the values, each times its weight.</p>
    <${Tex} block>${String.raw`w_s = \operatorname{softmax}_s\!\left(\frac{q_t \cdot k_s}{\sqrt{C}}\right) \qquad\qquad \text{found}_t = \sum_{s \le t} w_s\, v_s`}<//>
    <p>Why three rows and not one? Because asking, being found and handing over are different things. After <em>the</em>, the token looks for a
      noun; it does not want to be found by those who look for nouns itself. This is all of it, from microGPT, one position at a time:</p>
    <${Source} name="orrery.scratch.microgpt.attention" />
    <p>The loop over <code>start</code> makes <em>heads</em>: the row is cut into pieces, and each piece asks a question of its own. One head
      may look for the last verb while another looks for the beginning of the sentence. The last matrix, <code>mix</code>, brings together what they found.</p>
    <${Quiz} chapter=${6} id="three" question="Two tokens have the same key, but different values. What can a query do?"
      options=${[
        { text: "Give the better value the larger weight.", why: "The weights are made before a value is read: only query and key go into them." },
        { text: "Give them the same weight, whatever it asks.", right: true, why:
          "Equal keys give equal dot products with any query, and so equal weights. What is handed over then is the mean of the two values, in equal " +
          "parts." },
        { text: "Tell them apart by their positions.", why: "Only if the positions are in the keys, in which case the keys differ. They often are, by added or rotated positions." },
      ]} />`;
}

function Shares() {
  return html`
    <p>Dot products can be any numbers; shares must not be below 0 and must add up to 1. Softmax does that: e to the power of each score, over
      the sum of all. The largest score gets the most, and by how much depends on the difference alone.</p>
    <${Simulation} name="softmax" />
    <p>That is also why the scores are divided by the root of the head's width. Where queries and keys have independent numbers with a mean of 0
      and a variance of 1, their dot product is a sum of C such products, and its variance is C. With 64 numbers, scores would
      spread by 8, and softmax would give nearly all to one token before anything is learnt; its slope there is almost 0, so little could be
      learnt. Divided by √C they spread by 1, whatever the width.</p>
    <${Quiz} chapter=${6} id="root" question="A head is made four times as wide, and somebody forgets the division. What happens to the spread of the scores of an untrained model?"
      options=${[
        { text: "It doubles.", right: true, why: "The variance of the sum grows with the number of products, by four; the spread is its root." },
        { text: "It grows by four.", why: "The variance does. The spread is its root, since positive and negative products partly cancel." },
        { text: "It stays: softmax takes care of it.", why: "Softmax is blind to a number added to all scores, not to one that multiplies them." },
      ]} />`;
}

const TEXT = "Mara went to the market. Mara went to the";

/** The smallest base model, and which of its heads the text misses most. */
async function mostMissed() {
  const found = (await get("/api/models")).filter((one) => one.kind === "base").sort((a, b) => a.parameters - b.parameters);
  if (found.length === 0) throw new Error("There is no base model yet: a run makes one, and then this can be measured.");
  const [{ name, layers, heads }] = found;
  let worst = { change: Infinity };
  for (let layer = 0; layer < layers; layer += 1) {
    for (let head = 0; head < heads; head += 1) {
      const { answer } = await compute("attention", { model: name, text: TEXT, heads_off: [{ layer, head }] });
      const change = answer.logprobs.data.reduce((sum, before, t) => sum + answer.logprobs_after.data[t] - before, 0) / answer.logprobs.data.length;
      if (change < worst.change) worst = { layer, head, change };
    }
  }
  return {
    right: Math.min(worst.layer, 2),
    says: `In ${name} it is layer ${worst.layer}, head ${worst.head}: without it the tokens of this text are ${number(-worst.change, 2)} nats less expected on average.`,
  };
}

function Heads() {
  return html`
    <p>Here are all heads of a model of yours, reading a text of yours. The first layer usually looks close by: often a head has nearly all its
      weight on the token just before. A later one can build on that. Look at layer 1, head 0 of a base model that a speedrun made:
      from the second <em>the</em> it looks at <em>m</em>, the token that came after the first one. In the one-minute run that we
      looked at, 79% of its weight lies there, and switching this one head off takes the chance of <em>m</em> as the next token from 17% to under 1%.</p>
    <${Simulation} name="attention" />
    <p>Two heads in a row do this. The first writes into each token's row which token stood before it. The second looks for a row into which the
      token that it is at has been written: that is the place after its last occurrence, and what stands there is handed over. Together they are
      called an <em>induction head</em> (Olsson et al. 2022), and they let a model repeat what it has never been trained on. Large models find
      the circuit by themselves. Those of a speedrun are too small, and their time too short; they begin with it, written into
      their first weights by hand in <code>orrery/models/copying.py</code>, and training is free to change it.</p>
    <p>One caution. A weight says where a head looked, not why, nor whether what it found mattered; a value can be nearly 0, and later layers can
      ignore it. Switching the head off measures what it contributed, on this text.</p>
    <${Quiz} chapter=${6} id="missed" truth=${mostMissed}
      question="Of your smallest base model each head is switched off in turn, while it reads “Mara went to the market. Mara went to the”. In which layer is the head that the text misses most?"
      options=${[
        { text: "In layer 0.", why: "Everything later builds on what the first layer has brought together." },
        { text: "In layer 1.", why: "There a head can first use what another head has found: the second half of the text is a copy of the first, and copying takes two heads in a row." },
        { text: "In layer 2 or later.", why: "Late heads stand closest to the answer, though by then much of it is in the stream already." },
      ]} />`;
}

function Ahead() {
  return html`
    <p>A token may look at itself and back, never ahead. In microGPT's loop that needs no rule: when a position is computed, the later ones do not
      exist. Larger models compute all positions of a text at once, and there a <em>mask</em> sets the scores of later tokens to minus infinity,
      which softmax turns into a weight of exactly 0.</p>
    <p>This is what makes training cheap. Each of a thousand tokens predicts its successor without having seen it, so one pass over the text
      gives a thousand predictions to learn from. Without the mask each would read its answer off the next row, the loss would fall to almost
      nothing, and the model could not write a word, since in writing there is no next row to look at.</p>
    <${Quiz} chapter=${6} id="mask" question="You change the last word of a text. Which tokens get another row than before, in any layer?"
      options=${[
        { text: "All of them: everything is connected.", why: "Connected backwards only. What a row holds depends on itself and on what stands before it." },
        { text: "Only those of the last word.", right: true, why:
          "No earlier token can look at them. The simulation shows it: change the end of the text, and the rows of all maps above stay as they were." },
        { text: "None: only the prediction changes.", why: "The prediction is read off the last row, so that row must have changed." },
      ]} />`;
}

function Kept() {
  return html`
    <p>It follows that the keys and values of past tokens never change while a model writes. So they are kept: for each new token one query, one
      key and one value a head are made in each layer, and the query is held against the keys that are there. This is the <em>cache</em>, and the
      second line of microGPT's function above is where it comes from: <code>keys, values = cache[layer]</code>.</p>
    <p>Popular notes say that keys and values are computed once, from the original embeddings, and that only queries evolve from layer to layer.
      It is not so. Each layer makes all three from its own input, which is the stream after all layers before it; the cache holds
      keys and values <em>for each layer and each position</em>. We have run both on the same weights, three models with three seeds: with each layer's
      own input their loss on held-out text was 1.2 to 1.4 nats a token, and with keys and values from the embeddings 7.5 to 9.6, worse than
      guessing among all 1,024 tokens, which costs 6.9. The experiment is <code>orrery ledger kv_per_layer</code>:</p>
    <${Source} name="orrery.ledger.kv_per_layer.logits_with" />
    <p>The cache is what long conversations cost. GPT-2 with 1.5 billion parameters keeps two rows of 1,600 numbers in each of 48 layers: 153,600
      numbers a token, and at its full context of 1,024 tokens, with two bytes a number, 300 MiB. Newer models let several query heads share
      one key and value, which makes it that many times smaller.</p>
    <${Quiz} chapter=${6} id="cache" question="A model has written 100 tokens and goes on with the next. What must be computed anew for the old ones?"
      options=${[
        { text: "Their queries: the new token may be asked about.", why: "Old tokens do not look at the new one, so their queries are not needed again." },
        { text: "Their keys and values, since the text has become longer.", why: "They depend on their own past alone, and that has not changed." },
        { text: "Nothing.", right: true, why:
          "The new token's query meets the kept keys in each layer, and its own key and value are added to them. The work per token grows with the length of " +
          "the text, but only through these dot products and sums." },
      ]} />`;
}
