// Chapter 11: byte-pair encoding, and why models cannot spell.
import { compute, get } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { Figure, Table } from "../kit/figure.js";
import { html } from "../kit/html.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";
import { TrailingSpace } from "./figures/trailing-space.js";

export default function BPE() {
  return html`<${Chapter} number=${11} sections=${[
    ["between", "Between letters and words", Between],
    ["merges", "The pair that stands there most often", Merges],
    ["size", "How many tokens?", Size],
    ["letters", "Letters that it never sees", Letters],
    ["oddities", "Numbers, spaces, words backwards", Oddities],
  ]} />`;
}

function Between() {
  return html`
    <p>Characters make short lists and long texts. Every token costs a pass through the model and a place in its context, so a text in
      characters costs several times what it must. Whole words make short texts and a list without end: the next page has a name, a
      number or a misspelling that is not on it, and each entry needs a row in the embedding, which must be read often to be
      learnt. What is wanted lies between: frequent words whole, rare ones in pieces, and nothing that cannot be written.</p>
    <p>Byte-pair encoding finds such pieces by counting. It was made to compress files (Gage, 1994), came to translation in 2016 (Sennrich et
      al.) and, over bytes instead of characters, to GPT-2 in 2019. Most open models still cut their text this way. Beginning with the 256 bytes
      means that there is no unknown token: any text in any script is some row of bytes.</p>`;
}

function Merges() {
  return html`
    <p>Training a vocabulary takes one rule. Cut the text into words, each with the space before it. Find the two neighbours that stand
      together most often within words, make them a token, and count again. The order in which tokens were made is kept: it is
      the <em>rank</em> of their merge. Encoding a new text goes through the same merges. In each word the neighbours of lowest rank are joined, until
      no pair has one:</p>
    <${Source} name="orrery.tokenizers.bpe.encode_reference" />
    <p>Below are a text in two vocabularies, the merges of the word that you choose there, and a vocabulary that is learnt while you
      wait, from pages of Orrery's little world or from your own text. The package's own trainer makes these
      few hundred merges in a fraction of a second; it lists the places of each pair once and lets the lists only shrink.</p>
    <${Simulation} name="tokenizer" />
    <${Quiz} chapter=${11} id="longest" question="Encoding joins the pair of lowest rank first. Why not always take the longest token that fits?"
      options=${[
        { text: "It is the same.", why: "Often, but not always: where bc was learnt before ab, the word abc is a + bc, and the longest that fits at its beginning would be ab." },
        { text: "Because the vocabulary was made in that order, and the model has only ever read texts cut that way.", right: true, why:
          "Another cut gives other ids for the same text: rows that the model has seldom or never met in that place. It is why a tokenizer belongs to its model." },
        { text: "Because short tokens are better.", why: "Nothing prefers short tokens: each merge makes the text shorter, and merging goes on as long as it can." },
      ]} />`;
}

function Size() {
  return html`
    <p>Each further merge saves less than the one before, and costs a row in the table, read less often. So how many are right?
      The <a href=${href("ledger/bpe_tradeoff")}>ledger</a> trained the same blocks with five vocabularies on the world's text, all with the same number
      of floating-point operations, three times.</p>
    <${Figure} title="Five vocabularies, the same operations" note="docs/ledger.md · orrery ledger bpe_tradeoff" caption="Means of three seeds, on text of Orrery's world that was held out.">
      <${Table} columns=${["tokens", "bytes a token", "bits per byte"]} rows=${TRADEOFF} />
    <//>
    <p>Up to 1,024 tokens more is plainly better. From 2,048 to 4,096 the text still becomes shorter, and the loss does not fall: either was
      best in some seed, so the claim that more is always better is left <em>unclear</em>. Note the unit. Loss per token cannot be compared between
      vocabularies, because a longer token holds more to be surprised about; bits per <em>byte</em> can. Larger models on more text want larger
      vocabularies (Tao et al., 2024): GPT-2 has 50,257 tokens, newer ones have 100,000 to 260,000.</p>`;
}

// orrery ledger bpe_tradeoff, docs/ledger.md: means of three seeds
const TRADEOFF = [[320, 1.45, 0.942], [512, 2.01, 0.819], [1024, 2.69, 0.747], [2048, 3.35, 0.724], [4096, 3.74, 0.727]];

function Letters() {
  return html`
    <p>A model gets ids. That <em>strawberry</em> has three <code>r</code> is nowhere in them: the number of a token says nothing of how it is
      written, and two tokens that share all their letters but one have no more in common than their rows have come to have. What a model
      knows of spelling it has learnt as it learns that Lima is in Peru: from texts that say so.</p>
    <${Quiz} chapter=${11} id="strawberry" truth=${tokensOfStrawberry} question="Of how many tokens is “ strawberry”, with its space, in the
    vocabulary of the newest run here? Commit yourself, then the engine cuts it."
      options=${[{ text: "One" }, { text: "Two or three" }, { text: "Four or more" }]} />
    <p>It can be taught. Orrery's text has pages that spell words, and its conversations count letters in two ways, at once and after writing the
      word with hyphens, which puts each letter into a token of its own where attention can see it. How well that goes, for longer
      and longer runs:</p>
    <${Figure} title="Letters of words that were never spelled in training" note="docs/log.md · python benchmarks/speedrun.py --minutes 2 5 10 20 60 --seeds 0"
      caption="Right answers of one world's assistants. Counted at once, a likely number is right in about half; spelled first, every letter must be right as well.">
      <${Table} columns=${["minutes", "parameters", "counted at once, %", "spelled first, %"]} rows=${SPELLING} />
    <//>
    <p>Two things to read off. Spelling is learnt late: after five minutes this model is right in 74% of questions about the people it has read of most,
      and in 6% of those where it spells first. And once it can spell, spelling first is better than answering at once. The letters that it writes are letters it can then count. It is the
      first case of a model that needs <a href=${href("course/17")}>tokens to think</a>. Larger models are better at this, and still better when told to
      spell first, or to use a program.</p>`;
}

// docs/log.md, the laptop recipe, measured: letters_direct and letters_spelled of one world (seed 0)
const SPELLING = [[2, "0.46M", 26, 0], [5, "0.98M", 34, 6], [10, "0.98M", 32, 39], [20, "0.98M", 44, 60], [60, "2.60M", 57, 69]];

/** What the engine makes of the word: the right option, and the pieces. */
async function tokensOfStrawberry() {
  const [first] = await get("/api/vocabularies");
  const { answer } = await compute("tokenize", { vocabulary: first.name, text: " strawberry" });
  const count = answer.tokens.length;
  const pieces = answer.tokens.map((token) => token.shown).join(" | ");
  return {
    right: count === 1 ? 0 : count < 4 ? 1 : 2,
    says: `In ${first.name} it is ${count === 1 ? "one token" : `${count} tokens`}: ${pieces}. None of them says which letters are in it.`,
  };
}

function Oddities() {
  return html`
    <p><strong>Numbers.</strong> GPT-2 cuts numbers as they happened to be frequent: 2019 in one piece, 2029 as 20 and 29, 13023 as 130 and 23, so that
      digits of the same place stand in different tokens from one sum to the next. Orrery splits every digit off before any merge, as Qwen does. That costs
      tokens, and a sum can be learnt digit by digit. Try the example <em>Numbers</em> above.</p>
    <p><strong>Spaces.</strong> Words carry the space before them, so a prompt should end without one.</p>
    <${TrailingSpace} />
    <${Quiz} chapter=${11} id="space" question="A program puts a space behind every prompt before it sends it to a base model, to be tidy. What happens?"
      options=${[
        { text: "Nothing, spaces carry no meaning.", why: "They carry tokens. The figure above shows two quite different expectations." },
        { text: "The model expects what followed single spaces in its training: digits, or the odd piece of a word.", right: true, why:
          "The usual next token, a word with its space, would now make two spaces. The model was seldom shown that, and looks for something else." },
        { text: "The model fails with an error.", why: "Any row of tokens can be read. That is the trouble: what is odd is read without complaint." },
      ]} />
    <p><strong>Backwards.</strong> <em>strawberry</em> and <em>yrrebwarts</em> share ten letters and, in most vocabularies, hardly a token. To write
      a word backwards a model must know how each piece is spelled, take the pieces in reverse, and find tokens for the result. Letter by letter,
      with hyphens, each of these steps is small.</p>
    <p><strong>Other scripts</strong> cost more: a vocabulary learnt mostly from English has few merges for Devanagari or
      Chinese, and their texts fill the context sooner. The example <em>Scripts</em> shows by how much.</p>`;
}
