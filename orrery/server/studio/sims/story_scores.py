"""Stories as the reward model scores them, and as the rubric does that the reward model was to learn."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from orrery.data.world.preferences import rubric
from orrery.errors import ConfigError
from orrery.server.studio.compute import Judge, Loaded
from orrery.stages.preferences import Ranking, to_rows

MOST_STORIES = 16


@dataclass(frozen=True)
class Story:
    """What was wished for, and what was written."""

    prompt: str
    text: str


@dataclass(frozen=True)
class StoriesRequest:
    """Stories, and the reward model that scores them, such as speedrun/reward."""

    model: str
    stories: Sequence[Story]


@dataclass(frozen=True)
class StoryScore:
    """`proxy`: the reward model's score; `gold`: the hidden rubric's, the sum of its `parts`."""

    proxy: float
    gold: float
    parts: dict[str, float]


@dataclass(frozen=True)
class StoriesAnswer:
    """A score for each story."""

    scores: list[StoryScore]


@torch.no_grad()
def story_scores(asked: StoriesRequest, judge: Loaded | Judge) -> StoriesAnswer:
    """The proxy's score of each story and the rubric's.

    Raises:
        ConfigError: no story, or a model that is no judge.
        DataError: a story is longer than the model's context.
    """
    if not 1 <= len(asked.stories) <= MOST_STORIES:
        raise ConfigError(f"{len(asked.stories)} stories: give 1 to {MOST_STORIES}")
    if not isinstance(judge, Judge):
        raise ConfigError(f"{asked.model} is no reward model: it gives no scores")
    told = [
        Ranking([{"role": "user", "content": story.prompt}], [[{"role": "assistant", "content": story.text}]])
        for story in asked.stories
    ]
    rows = to_rows(told, judge.tokenizer, judge.model.body.config.context)
    proxies = judge.model.score(rows.ids[:, 0], rows.lengths[:, 0])
    parts = [rubric(story.prompt, story.text) for story in asked.stories]
    return StoriesAnswer(
        [StoryScore(proxy, sum(of.values()), of) for proxy, of in zip(proxies.tolist(), parts, strict=True)]
    )
