// The parts of a forward pass in words and in order, and the sum behind a number; no drawing in here.

/** Rows of the map: parts that are made side by side stand in one row. */
export const BEFORE = [["embedding"]];
export const ATTENTION = [["attention norm"], ["query", "key", "value"], ["query turned", "key turned"], ["scores", "weights"], ["mixed"], ["attention output"], ["middle"]];
export const MLP = [["mlp norm"], ["gate", "up"], ["hidden"], ["mlp output"], ["stream"]];
export const AFTER = [["final norm"], ["logits", "probabilities"]];

/** A name for each part, and what it is. */
export const PARTS = {
  embedding: ["embedding", "Each token's row of the embedding table: where the residual stream begins."],
  "attention norm": ["norm", "The stream, divided by its own size and weighted: what attention reads."],
  query: ["query", "What each token asks for: the normalised stream times this head's rows of the query matrix."],
  key: ["key", "What each token offers to be found by: the same input, other rows of the matrix."],
  value: ["value", "What each token hands over to those that find it."],
  "query turned": ["query, turned", "The query after its norm, each pair of numbers turned by an angle that grows with the position."],
  "key turned": ["key, turned", "The key, turned likewise: a query and a key then meet by how far apart they stand."],
  scores: ["scores", "Row: the token that looks. Column: the token looked at. Query · key, over the root of the head's width."],
  weights: ["weights", "Softmax of each row of scores, after the mask has hidden the tokens ahead."],
  mixed: ["mixed", "The values, each by its weight: what the head has found for each token."],
  "attention output": ["output", "All heads side by side, times the output matrix: what attention adds to the stream."],
  middle: ["stream + output", "The stream with what attention found."],
  "mlp norm": ["norm", "The stream again, normalised: what the MLP reads. It works on each token by itself."],
  gate: ["gate", "How far each of the MLP's numbers is to be let through."],
  up: ["up", "The patterns that the MLP looks for, and how much of each there is."],
  hidden: ["hidden", "Gate, bent by SiLU, times up; or up, bent by GELU, where there is no gate."],
  "mlp output": ["output", "Back to the width of the stream: what the MLP adds."],
  stream: ["stream + output", "What the next block reads."],
  "final norm": ["final norm", "The stream after all blocks, normalised once more."],
  logits: ["logits", "The score of each token as the next one. Of all columns these are the likeliest for the chosen row."],
  probabilities: ["probabilities", "Softmax of the logits: each row adds up to 1 over all tokens."],
};

/** The rows of the map that a model has: those of its parts. */
export const rowsOf = (rows, parts) => rows.map((row) => row.filter((name) => parts.some((part) => part.name === name))).filter((row) => row.length > 0);

/** The sum of what is told of a number: its named products, and the others together. */
export const adds = ({ terms, others }) => terms.reduce((sum, term) => sum + term.product, 0) + others;

/** An index, or what stands for "none": the last, or the first. */
export const within = (index, size, none) => (index < 0 ? none : Math.min(Math.round(index), size - 1));
