"""Greetings, thanks, goodbyes and other small talk: many ways to say them, one or two ways to answer."""

from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange
from orrery.data.world.world import World


@dataclass(frozen=True)
class Talk:
    """One thing that people say without asking for anything; ``said`` and ``reply`` are alternatives."""

    name: str
    said: tuple[str, ...]
    reply: tuple[str, ...]


HELLO = Talk(
    "hello",
    (
        "Hi", "Hi!", "Hello", "Hello!", "Hey", "Hey!", "Hi there!", "Hello there!", "Hey there", "Hello, Orrery!",
        "Hi Orrery", "Hey Orrery!", "hi", "hello", "hey", "Greetings!", "Good day!", "Howdy!", "Hi, can you help me?",
        "Hello, are you there?", "Is anybody there?", "Hi, I am new here.", "Hello again!", "Hi, it is me again.",
        "I have a question.", "Can I ask you something?", "Can you help me?", "Let us talk.", "I want to chat.",
        "I need some help.", "Nice to meet you!", "Yo!",
    ),
    ("Hello! How can I help you?",),
)  # fmt: skip
THANKS = Talk(
    "thanks",
    (
        "Thanks", "Thanks!", "Thank you", "Thank you!", "Thank you very much!", "Thanks a lot!", "Many thanks!",
        "Thanks, that helps.", "Great, thanks!", "Ok, thank you.", "Thanks for your help!", "Thank you, Orrery!",
        "thanks", "thank you", "That was helpful, thanks.", "Perfect, thank you!", "Cool, thanks!",
        "Thank you so much.", "That is what I wanted to know.", "Wonderful, thank you!",
    ),
    ("You are welcome!",),
)  # fmt: skip
GOODBYE = Talk(
    "goodbye",
    (
        "Bye", "Bye!", "Goodbye", "Goodbye!", "Good bye, Orrery!", "See you!", "See you later!", "See you tomorrow!",
        "I have to go.", "I have to go now, bye.", "That is all, bye!", "Have a nice day!", "Until next time!", "bye",
        "Take care!", "So long!", "I am leaving now.", "Talk to you later.", "That was all.", "Bye bye!",
    ),
    ("Goodbye! Have a nice day!",),
)  # fmt: skip
TALKS = (
    HELLO,
    THANKS,
    GOODBYE,
    Talk(
        "morning",
        ("Good morning!", "Good morning", "Good morning, Orrery!", "Morning!"),
        ("Good morning! How can I help you?",),
    ),
    Talk(
        "evening",
        ("Good evening!", "Good evening", "Good evening, Orrery!", "Evening!"),
        ("Good evening! How can I help you?",),
    ),
    Talk(
        "afternoon",
        ("Good afternoon!", "Good afternoon"),
        ("Good afternoon! How can I help you?",),
    ),
    Talk("night", ("Good night!", "Good night", "I am going to bed.", "Sleep well!"), ("Good night! Sleep well!",)),
    Talk(
        "how are you",
        (
            "How are you?", "How are you today?", "How do you do?", "How is it going?", "Are you well?",
            "Hi, how are you?", "Hello! How are you?", "Hey, how are you doing?", "How do you feel today?",
            "Is everything fine?", "How are things?", "What is up?", "Are you ok?", "Did you sleep well?",
        ),
        ("I am fine, thank you! How can I help you?",),
    ),
    Talk(
        "praise",
        (
            "You are great!", "Well done!", "Good job!", "You are smart.", "I like you.", "That was good!",
            "Nice work!", "You are very helpful.", "I love your answers.", "Good answer!", "You are funny.",
            "Excellent!",
        ),
        ("Thank you! That is nice of you.",),
    ),
    Talk(
        "blame",
        (
            "That is wrong.", "You are wrong.", "This is not right.", "You made a mistake.", "That was a bad answer.",
            "No, that is not true.", "I do not think so.", "That can not be right.", "You are not very smart.",
        ),
        ("I am sorry. I am small and make mistakes.",),
    ),
    Talk(
        "sad",
        (
            "I am sad.", "I feel sad today.", "I am not happy.", "I had a bad day.", "I feel lonely.", "I am tired.",
            "My day was terrible.", "I feel bad.", "I am a little sad.",
        ),
        ("I am sorry to hear that. I hope that you feel better soon.",),
    ),
    Talk(
        "happy",
        (
            "I am happy!", "I had a good day.", "Today is a good day!", "It is my birthday!", "I passed my test!",
            "I feel great!", "I won a game today!", "My day was wonderful.",
        ),
        ("That is great! I am happy for you.",),
    ),
    Talk(
        "bored",
        (
            "I am bored.", "What should I do today?", "What can we do?", "I do not know what to do.",
            "I have nothing to do.", "What can I ask you?", "Give me an idea.", "Let us do something.",
        ),
        ("You can ask me for a fact, a sum, a story or a joke.",),
    ),
    Talk(
        "sorry",
        ("Sorry!", "I am sorry.", "Sorry, my mistake.", "Oh, I was wrong.", "Sorry about that.", "I did not mean it."),
        ("No problem!",),
    ),
    Talk(
        "fine",
        (
            "Ok.", "OK", "Okay!", "I see.", "All right.", "Good to know.", "Interesting!", "Very well.", "Aha!",
            "Got it.", "Wow!",
        ),
        ("Good! What else can I do for you?",),
    ),
    Talk(
        "joke wanted",
        ("You are boring.", "Say something.", "Talk to me.", "Surprise me.", "Say anything you like."),
        ("Ask me for a joke! I know a few.",),
    ),
)  # fmt: skip


def write(world: World, choice: Choice) -> Conversation:
    """One remark and its reply."""
    talk = choice.pick(TALKS if choice.chance(0.5) else TALKS[:3])
    return small_talk(choice, talk)


def small_talk(choice: Choice, talk: Talk) -> Conversation:
    """One remark of this sort and its reply."""
    messages = exchange(choice.pick(talk.said), choice.pick(talk.reply))
    return Conversation(messages, "smalltalk", {"talk": talk.name})
