"""What pages may ask to have computed, by name: POST /api/compute/NAME."""

from orrery.server.studio.compute import Computation
from orrery.server.studio.sims.advantages import advantages
from orrery.server.studio.sims.attention import attention, attention_head
from orrery.server.studio.sims.autograd import autograd
from orrery.server.studio.sims.clipping import clipping
from orrery.server.studio.sims.conversation import conversation, sample
from orrery.server.studio.sims.derivative import derivative, weight_slope
from orrery.server.studio.sims.descent import descent, loss_slice
from orrery.server.studio.sims.dpo_loss import dpo_loss
from orrery.server.studio.sims.draws import draws
from orrery.server.studio.sims.embedding import embedding
from orrery.server.studio.sims.embeddings import embeddings
from orrery.server.studio.sims.forward import forward, forward_cell, forward_part
from orrery.server.studio.sims.names import names
from orrery.server.studio.sims.next_token import next_token
from orrery.server.studio.sims.parameters import count_parameters
from orrery.server.studio.sims.program_search import program_search
from orrery.server.studio.sims.scale import scale
from orrery.server.studio.sims.scaling import scaling_law
from orrery.server.studio.sims.small_bpe import small_bpe
from orrery.server.studio.sims.softmax import softmax
from orrery.server.studio.sims.story_scores import story_scores
from orrery.server.studio.sims.surprise import surprise, unread
from orrery.server.studio.sims.three_softwares import three_softwares
from orrery.server.studio.sims.tokenizer import merges, tokenize
from orrery.server.studio.sims.votes import samples, votes
from orrery.server.studio.sims.writing import writing

COMPUTATIONS = {
    "advantages": Computation(advantages, shows="orrery.stages.advantages.group_advantages"),
    "answers": Computation(samples, shows="orrery.stages.rollouts.roll_out"),
    "attention": Computation(attention, shows="orrery.models.trace.trace"),
    "attention-head": Computation(attention_head, shows="orrery.models.trace.look"),
    "autograd": Computation(autograd, shows="orrery.scratch.autograd.Value.backward"),
    "clipping": Computation(clipping, shows="orrery.stages.policy_loss.clipped"),
    "conversation": Computation(conversation, shows="orrery.tokenizers.chat.render"),
    "conversation-sample": Computation(sample, shows="orrery.data.world.conversations.conversation"),
    "derivative": Computation(derivative, shows="orrery.server.studio.sims.derivative.derivative"),
    "descent": Computation(descent, shows="orrery.server.studio.sims.descent.roll"),
    "dpo-loss": Computation(dpo_loss, shows="orrery.stages.dpo.dpo_losses"),
    "draws": Computation(draws, shows="orrery.inference.sampling.filtered_probabilities"),
    "embedding": Computation(embedding, shows="orrery.scratch.autograd.dot"),
    "forward": Computation(forward, shows="orrery.models.trace.trace"),
    "forward-cell": Computation(forward_cell, shows="orrery.models.trace.trace_block"),
    "forward-part": Computation(forward_part, shows="orrery.models.trace.trace_block"),
    "loss-slice": Computation(loss_slice, shows="orrery.server.studio.sims.descent.loss_slice"),
    "merges": Computation(merges, shows="orrery.tokenizers.bpe.encode_reference"),
    "micro-embeddings": Computation(embeddings, shows="orrery.server.studio.sims.embeddings.embeddings"),
    "names": Computation(names, shows="orrery.stages.microgpt.MicroRun.write"),
    "next-token": Computation(next_token, shows="orrery.models.transformer.Transformer"),
    "parameters": Computation(count_parameters, shows="orrery.scratch.microgpt.parameters"),
    "program-search": Computation(program_search, shows="orrery.server.studio.sims.program_search.program_search"),
    "scale": Computation(scale, shows="orrery.models.explain.count_parts"),
    "small-bpe": Computation(small_bpe, shows="orrery.tokenizers.train.train_tokens"),
    "scaling-law": Computation(scaling_law, shows="orrery.evals.scaling.fit_power_law"),
    "softmax": Computation(softmax, shows="orrery.scratch.microgpt.softmax"),
    "story-scores": Computation(story_scores, shows="orrery.data.world.preferences.rubric"),
    "surprise": Computation(surprise, shows="orrery.scratch.microgpt.loss"),
    "three-softwares": Computation(three_softwares, shows="orrery.server.studio.sims.three_softwares.three_softwares"),
    "tokenize": Computation(tokenize, shows="orrery.tokenizers.inspect.inspect_text"),
    "unread": Computation(unread, shows="orrery.data.world.generate.document"),
    "votes": Computation(votes, shows="orrery.ledger.self_consistency.majority"),
    "weight-slope": Computation(weight_slope, shows="orrery.server.studio.sims.derivative.weight_slope"),
    "writing": Computation(writing, shows="orrery.inference.sampling.sample"),
}
